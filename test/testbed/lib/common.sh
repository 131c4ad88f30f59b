# shellcheck shell=bash
# What the test bed's scripts share. Sourced; sets `testbed` (this directory's parent) and `repository`.

testbed=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
repository=$(cd "$testbed/../.." && pwd -P)
# shellcheck source=scripts/environment.sh
source "$repository/scripts/environment.sh"

# Images, root file systems and the podman store: kept between runs, safe to delete.
export TESTBED_CACHE=${TESTBED_CACHE:-$repository/.cache/testbed}

# Where a session's directories are mounted inside `enter`: reachable by the test user wherever the
# checkout lies, and short, because below the user's home libvirt appends up to 90 characters to what
# becomes the path of a socket, and those end at 107.
# shellcheck disable=SC2034 # used by those who source this
session_mount=/run/pbtest

# shellcheck disable=SC2034
test_user=podman-bootc-test

say() {
  printf '%s\n' "$*" >&2
}

die() {
  say "${0##*/}: $*"
  exit 1
}

# require_root WHY ARGUMENT…: the command line that would work, for whoever is not root.
require_root() {
  local why=$1
  shift
  ((EUID == 0)) && return
  say "${0##*/} needs root: $why. Run:"
  say "  sudo env PATH=\"\$PATH\" $(printf '%q ' "$testbed/${0##*/}" "$@")"
  exit 1
}

# lock_cache NAME: waits until nobody else makes what is called NAME in the cache, and keeps others from it until this
# process ends or `unlock_cache`. One for each thing, so that several are made side by side.
lock_cache() {
  mkdir -p "$TESTBED_CACHE"
  exec {cache_lock}>"$TESTBED_CACHE/.$1.lock"
  flock "$cache_lock"
}
unlock_cache() {
  exec {cache_lock}>&-
}

# What mmdebstrap is to read: the host's own mirror, because it is known to work from here.
debian_mirror() {
  local uri
  uri=$(cat /etc/apt/sources.list.d/*.sources 2>/dev/null | awk '$1 == "URIs:" { print $2; exit }')
  if [[ ! $uri ]]; then
    uri=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list 2>/dev/null |
      sed -n 's/^deb \(\[[^]]*\] \)\?\([^ ]*\).*/\2/p' | head -1)
  fi
  [[ $uri ]] || die "found no Debian mirror in apt's configuration"
  printf '%s\n' "$uri"
}

# make_debian SUITE TARGET [OPTION…]: a small Debian by mmdebstrap, with its options. Nobody needs it after a loss of
# power, so dpkg does not wait for the disk.
make_debian() {
  local suite=$1 target=$2 path
  local -a options=()
  shift 2
  for path in doc man locale info i18n; do
    options+=(--dpkgopt="path-exclude=/usr/share/$path/*")
  done
  mmdebstrap --quiet --mode=root --variant=minbase "${options[@]}" --dpkgopt=force-unsafe-io \
    --aptopt='Acquire::Check-Valid-Until "false"' --aptopt='Acquire::Languages "none"' \
    --aptopt='APT::Install-Recommends "false"' "$@" "$suite" "$target" "deb $(debian_mirror) $suite main"
}
