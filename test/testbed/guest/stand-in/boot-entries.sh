# shellcheck shell=bash
# The EFI system partition of the stand-in for bootc, for systemd-boot (UEFI) and syslinux (BIOS). Sourced by bootc.
#
#   linux/ID/vmlinuz, linux/ID/initrd   of the deployment ID
#   loader/entries/bootc-ID.conf        systemd-boot's entry
#   syslinux/ID.cfg                     syslinux's
#   loader/loader.conf, syslinux.cfg    which one is booted. Each fills one sector, so that another choice is written in
#                                       place, as a whole or not at all.

# write_entry ESP ID KERNEL ARGUMENTS: what the deployment is booted by, with the kernel in the directory KERNEL.
write_entry() {
  local esp=$1 id=$2 kernel=$3 arguments=$4
  mkdir -p "$esp/linux/$id" "$esp/loader/entries" "$esp/syslinux"
  cp "$kernel/vmlinuz" "$esp/linux/$id/vmlinuz"
  cp "$kernel/initramfs.img" "$esp/linux/$id/initrd"
  printf 'title bootc %s\nlinux /linux/%s/vmlinuz\ninitrd /linux/%s/initrd\noptions %s\n' \
    "$id" "$id" "$id" "$arguments" >"$esp/loader/entries/bootc-$id.conf"
  printf 'LABEL %s\n LINUX /linux/%s/vmlinuz\n INITRD /linux/%s/initrd\n APPEND %s\n' \
    "$id" "$id" "$id" "$arguments" >"$esp/syslinux/$id.cfg"
}

# write_default ESP ID
write_default() {
  one_sector "$1/loader/loader.conf" $'timeout 0\neditor no\ndefault bootc-'"$2.conf"
  one_sector "$1/syslinux.cfg" $'PROMPT 0\nDEFAULT '"$2"$'\nINCLUDE /syslinux/'"$2.cfg"
}

one_sector() { # FILE TEXT
  printf '%-511s\n' "$2"$'\n' | dd of="$1" bs=512 count=1 iflag=fullblock conv=notrunc,fsync status=none
}

# remove_entry ESP ID
remove_entry() {
  rm -rf "$1/linux/$2" "$1/loader/entries/bootc-$2.conf" "$1/syslinux/$2.cfg"
}
