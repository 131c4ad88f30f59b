# shellcheck shell=bash
# What the scripts that people run have in common. Sourced; changes to the repository's directory.

cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit

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
