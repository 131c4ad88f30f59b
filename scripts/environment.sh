# shellcheck shell=bash
# What our scripts find in their environment, however they were started. Sourced.

# Root's programs (losetup, libvirtd, what dpkg runs): `su` without `-`, cron and `sudo env PATH="$PATH"` keep a PATH
# without them.
for directory in /usr/local/sbin /usr/sbin /sbin; do
  [[ :$PATH: == *:$directory:* ]] || PATH=$PATH:$directory
done
unset directory
export PATH

# What is made here is for others too: libvirt's QEMU, the test user, the owner of the checkout.
umask 022

# A TMPDIR that is gone is as good as none.
[[ -d ${TMPDIR:-/tmp} ]] || unset TMPDIR
