/*
 * The demo image's /init: loads the modules in /m in name order, mounts partition 2 of the first virtio
 * disk, hands over to its init. A distribution's initramfs costs seconds under emulation; this one costs
 * none, because it knows the one layout that bootc-standin makes.
 *
 * A module named NN@FS…-NAME.ko is loaded only when the kernel command line says rootfstype=FS.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ROOT_DEVICE "/dev/vda2"

static void fail(const char *what) {
  dprintf(STDOUT_FILENO, "initramfs: cannot %s\n", what);
  sleep(5);
  reboot(RB_AUTOBOOT);
}

static void read_root_type(char type[32]) {
  char line[4096] = "";
  int fd = open("/proc/cmdline", O_RDONLY);
  if (fd >= 0) {
    ssize_t length = read(fd, line, sizeof line - 1);
    if (length > 0) line[length] = '\0';
    close(fd);
  }
  const char *found = strstr(line, "rootfstype=");
  if (!found || sscanf(found, "rootfstype=%31[^ \n,]", type) != 1) strcpy(type, "ext4");
}

static void load_modules(const char *root_type) {
  glob_t modules;
  if (glob("/m/*.ko", 0, NULL, &modules) != 0) return;
  for (size_t i = 0; i < modules.gl_pathc; i++) {
    const char *path = modules.gl_pathv[i];
    if (strchr(path, '@') && !strstr(path, root_type)) continue;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || syscall(SYS_finit_module, fd, "", 0) != 0)
      dprintf(STDOUT_FILENO, "initramfs: cannot load %s\n", path);
    if (fd >= 0) close(fd);
  }
}

int main(void) {
  char root_type[32];
  mkdir("/proc", 0755);
  mkdir("/sys", 0755);
  mkdir("/dev", 0755);
  mkdir("/r", 0755);
  mount("proc", "/proc", "proc", 0, NULL);
  mount("sysfs", "/sys", "sysfs", 0, NULL);
  mount("devtmpfs", "/dev", "devtmpfs", 0, NULL);

  read_root_type(root_type);
  load_modules(root_type);
  for (int tries = 0; tries < 500 && access(ROOT_DEVICE, F_OK) != 0; tries++) usleep(20000);
  if (mount(ROOT_DEVICE, "/r", root_type, 0, NULL) != 0) fail("mount " ROOT_DEVICE);

  mount("/dev", "/r/dev", NULL, MS_MOVE, NULL);
  mount("/proc", "/r/proc", NULL, MS_MOVE, NULL);
  mount("/sys", "/r/sys", NULL, MS_MOVE, NULL);
  if (chdir("/r") || mount(".", "/", NULL, MS_MOVE, NULL) || chroot(".") || chdir("/"))
    fail("switch to the root file system");
  execl("/sbin/init", "/sbin/init", (char *)NULL);
  fail("run /sbin/init");
}
