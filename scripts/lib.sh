# shellcheck shell=bash
# What the scripts that people run have in common. Sourced; changes to the repository's directory.

cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit
# shellcheck source=scripts/environment.sh
source scripts/environment.sh

# Commands that are run when the script ends, the last one first.
at_exit=(give_back)
run_at_exit() {
  local index
  for ((index = ${#at_exit[@]} - 1; index >= 0; index--)); do
    eval "${at_exit[index]}" || true
  done
}
trap run_at_exit EXIT

# What root makes in a checkout of somebody else is the owner's, who could otherwise neither build nor remove it. Root file
# systems and images in the test bed's cache stay as they are: in them, owners mean something.
give_back() {
  local owner path
  ((EUID == 0)) || return 0
  owner=$(stat --format %u:%g .)
  [[ $owner != 0:* ]] || return 0
  for path in node_modules build dist prebuilds .cache; do
    [[ -d $path ]] || continue
    find "$path" -xdev \( -path '.cache/testbed/*' -type d -prune \) -o -user 0 -exec chown --no-dereference "$owner" {} +
  done
}

# section TITLE: a heading, with the seconds since the start, to see where the time goes.
section() {
  printf '\n== %s (at %d s)\n' "$1" "$SECONDS"
}

require_node() {
  if ! command -v node >/dev/null || ! command -v npm >/dev/null; then
    echo 'Node.js with npm was not found; install version 20.19 or newer.' >&2
    exit 1
  fi
  if ! node -e 'const [a, b] = process.versions.node.split("."); process.exit(a > 20 || (a == 20 && b >= 19) ? 0 : 1)'; then
    echo "Node.js $(node --version) is too old; install version 20.19 or newer." >&2
    exit 1
  fi
}

# npm notes in node_modules what it installed, when it did.
install_node_modules() {
  if [[ ! -e node_modules/.package-lock.json || package-lock.json -nt node_modules/.package-lock.json ]]; then
    npm ci --no-audit --no-fund
  fi
}
