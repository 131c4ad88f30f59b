/*
 * The demo image's /init: loads the modules in /m in name order, mounts partition 2 of the first virtio
 * disk, makes of it the root of the deployment that the kernel argument deployment=ID names, hands over to
 * its init. A distribution's initramfs costs seconds under emulation; this one costs none, because it knows
 * the one layout that bootc-standin makes:
 *
 *   /deploy/ID.layers  names of directories in /layers, lowest first: the root is a read-only overlay of them
 *   /layers/empty      below them all, because an overlay without a writable layer wants two
 *   /state/etc-ID      its /etc
 *   /state/var         everybody's /var
 *
 * The whole disk is on /sysroot. A module named NN@FS…-NAME.ko is loaded only when the kernel command line
 * says rootfstype=FS.
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

/* mount(2) takes one page of options. */
#define OPTIONS_SIZE 4096

static void fail(const char *what) {
  dprintf(STDOUT_FILENO, "initramfs: cannot %s\n", what);
  sleep(5);
  reboot(RB_AUTOBOOT);
}

/* The beginning of a file as a string; whether there was one. */
static int read_text(const char *path, char *text, size_t size) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0;
  ssize_t length = read(fd, text, size - 1);
  close(fd);
  text[length > 0 ? length : 0] = '\0';
  return length >= 0;
}

static void read_argument(const char *line, const char *name, char value[64], const char *otherwise) {
  const char *found = strstr(line, name);
  if (!found || sscanf(found + strlen(name), "%63[^ \n,]", value) != 1) strcpy(value, otherwise);
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

/* From the file's order, lowest first, to overlayfs's, lowest last. */
static void mount_layers(const char *id, const char *target) {
  static char path[256], list[OPTIONS_SIZE], options[OPTIONS_SIZE];
  static char *layers[OPTIONS_SIZE];
  size_t count = 0;
  snprintf(path, sizeof path, "/r/deploy/%s.layers", id);
  if (!read_text(path, list, sizeof list)) fail("read which layers the deployment has");
  for (char *layer = strtok(list, "\n"); layer; layer = strtok(NULL, "\n")) layers[count++] = layer;
  strcpy(options, "lowerdir=");
  while (count--) {
    if (strlen(options) + strlen(layers[count]) + sizeof ":empty" > sizeof options) fail("mount so many layers");
    strcat(strcat(options, layers[count]), ":");
  }
  strcat(options, "empty");
  /* Their names are short only from there. */
  if (chdir("/r/layers") || mount("overlay", target, "overlay", MS_RDONLY, options)) fail("mount the layers");
}

static void bind(const char *source, const char *target) {
  if (mount(source, target, NULL, MS_BIND, NULL) != 0) fail(target);
}

static void move(const char *source, const char *target) {
  if (mount(source, target, NULL, MS_MOVE, NULL) != 0) fail(target);
}

int main(void) {
  static char line[4096], root_type[64], id[64], etc[256];
  mkdir("/proc", 0755);
  mkdir("/sys", 0755);
  mkdir("/dev", 0755);
  mkdir("/r", 0755);
  mkdir("/d", 0755);
  mount("proc", "/proc", "proc", 0, NULL);
  mount("sysfs", "/sys", "sysfs", 0, NULL);
  mount("devtmpfs", "/dev", "devtmpfs", 0, NULL);

  read_text("/proc/cmdline", line, sizeof line);
  read_argument(line, "rootfstype=", root_type, "ext4");
  read_argument(line, "deployment=", id, "none");
  load_modules(root_type);
  for (int tries = 0; tries < 500 && access(ROOT_DEVICE, F_OK) != 0; tries++) usleep(20000);
  if (mount(ROOT_DEVICE, "/r", root_type, 0, NULL) != 0) fail("mount " ROOT_DEVICE);

  mount_layers(id, "/d");
  snprintf(etc, sizeof etc, "/r/state/etc-%s", id);
  bind(etc, "/d/etc");
  bind("/r/state/var", "/d/var");
  mount("tmpfs", "/d/tmp", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777");
  /* As every initramfs does: what an image has in /run (podman leaves .containerenv) would make a container of the guest. */
  mount("tmpfs", "/d/run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=755");
  move("/r", "/d/sysroot");
  move("/dev", "/d/dev");
  move("/proc", "/d/proc");
  move("/sys", "/d/sys");
  if (chdir("/d") || mount(".", "/", NULL, MS_MOVE, NULL) || chroot(".") || chdir("/"))
    fail("switch to the root file system");
  execl("/sbin/init", "/sbin/init", (char *)NULL);
  fail("run /sbin/init");
}
