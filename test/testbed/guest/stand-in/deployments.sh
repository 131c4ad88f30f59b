# shellcheck shell=bash disable=SC2154 # `version`, `library` are bootc's
# What the stand-in for bootc does on a system that it has installed. Sourced by bootc, which says what is on the disk.
#
# In /run, so that a VM that is cut off forgets it:
#   staged           the deployment that the next shutdown is to finalize; a second line where it is not to be
#   booted           the one that runs, where a soft reboot brought it up
#   rollback-queued  that the one before comes with the next boot
# An update that is not finalized has ID.staged instead of ID.origin in /sysroot/deploy.
#
# shellcheck source=boot-entries.sh
source "$library/boot-entries.sh"
# shellcheck source=merge-etc.sh
source "$library/merge-etc.sh"

sysroot=/sysroot
state=/run/bootc-standin

# ---- what there is ----------------------------------------------------------------------------------

booted=
staged=
download_only=
rollback=
rollback_queued=

# read_deployments: whether this is a system that was installed.
read_deployments() {
  local line origin id
  line=" $(</proc/cmdline) "
  [[ $line =~ \ deployment=([^ ]+)\  && -d $sysroot/deploy ]] || return 1
  booted=${BASH_REMATCH[1]}
  [[ ! -s $state/booted ]] || booted=$(<"$state/booted")
  if [[ -s $state/staged ]]; then
    { read -r staged && read -r download_only; } <"$state/staged" || true
  fi
  while read -r origin; do
    id=${origin##*/}
    id=${id%.origin}
    [[ $id != "$booted" ]] || continue
    rollback=$id
    break
  done < <(ls -t "$sysroot"/deploy/*.origin)
  [[ ! -e $state/rollback-queued ]] || rollback_queued=yes
}

require_deployments() {
  ((EUID == 0)) || fail 'only root may do that'
  read_deployments || fail 'this is no system that was installed by it'
}

declare -A origin
read_origin() { # ID
  local key value file=$sysroot/deploy/$1.origin
  [[ -e $file ]] || file=$sysroot/deploy/$1.staged
  origin=()
  while read -r key value; do
    origin[$key]=$value
  done <"$file"
}

# layers_of ID: names of directories, lowest first.
layers_of() {
  cat "$sysroot/deploy/$1.layers"
}

# files_of ID GLOB: where the files are that the deployment has there, as its layers hide those below.
files_of() {
  local layer path
  local -A found=()
  while read -r layer; do
    # shellcheck disable=SC2231 # it is a glob
    for path in "$sysroot/layers/$layer"/$2; do
      [[ -e $path ]] || continue
      found[${path#"$sysroot/layers/$layer/"}]=$path
      # overlayfs's way to say that a file is gone.
      [[ ! -c $path ]] || unset "found[${path#"$sysroot/layers/$layer/"}]"
    done
  done < <(layers_of "$1")
  for path in "${!found[@]}"; do
    printf '%s %s\n' "$path" "${found[$path]}"
  done | sort
}

# boot_of ID: what a soft reboot cannot change: kernel and arguments.
boot_of() {
  local path file
  files_of "$1" 'usr/lib/modules/*/vmlinuz'
  arguments_of "$1"
}

# arguments_of ID: the image's kernel arguments.
arguments_of() {
  local files
  mapfile -t files < <(files_of "$1" 'usr/lib/bootc/kargs.d/*.toml' | cut --delimiter=' ' --fields=2-)
  kargs_in "${files[@]}"
}

# As systemd can from version 254 on.
can_soft_reboot() { # ID
  local systemd
  read -r _ systemd _ < <(systemctl --version)
  ((${systemd%%[!0-9]*} >= 254)) && [[ $(boot_of "$1") == "$(boot_of "$booted")" ]]
}

# ---- status -----------------------------------------------------------------------------------------

image_json() {
  printf '{"image":"%s","transport":"%s"}' "${origin[image]}" "${origin[transport]}"
}

# Of the composefs backend the type, the store and the version are null, as bootc says them.
entry_json() { # ID [DOWNLOAD-ONLY]
  local store=null backend label=null soft=false hex
  if [[ ! $1 ]]; then
    printf null
    return
  fi
  read_origin "$1"
  hex=$(sha256sum <"$sysroot/deploy/$1.layers")
  if [[ ${origin[backend]} == composefs ]]; then
    backend="\"ostree\":null,\"composefs\":{\"verity\":\"${hex%% *}\",\"bootType\":\"Bls\",\"bootloader\":\"Systemd\",\"bootDigest\":null,\"missingVerityAllowed\":true}"
  else
    store='"ostreeContainer"'
    label=$(json_string "${origin[version]}")
    backend="\"ostree\":{\"stateroot\":\"default\",\"checksum\":\"${hex%% *}\",\"deploySerial\":${1##*.}},\"composefs\":null"
  fi
  if [[ $1 != "$booted" ]] && can_soft_reboot "$1"; then
    soft=true
  fi
  printf '{"image":{"image":%s,"version":%s,"timestamp":%s,"imageDigest":"%s","architecture":"%s"},' \
    "$(image_json)" "$label" "$(json_string "${origin[timestamp]}")" "${origin[digest]}" "$(architecture)"
  printf '"cachedUpdate":null,"incompatible":false,"pinned":false,"softRebootCapable":%s,"downloadOnly":%s,"store":%s,%s}' \
    "$soft" "$([[ ${2-} ]] && echo true || echo false)" "$store" "$backend"
}

architecture() {
  case $(uname -m) in
    x86_64) echo amd64 ;;
    aarch64) echo arm64 ;;
    *) uname -m ;;
  esac
}

print_json() {
  local type=null spec=null order=default queued=false overlay=null
  if ! read_deployments; then
    printf '{"apiVersion":"org.containers.bootc/v1","kind":"BootcHost","metadata":{"name":"host"},"spec":{"image":null,"bootOrder":"default"},"status":{"staged":null,"booted":null,"rollback":null,"rollbackQueued":false,"type":null,"usrOverlay":null,"readOnly":false}}\n'
    return
  fi
  read_origin "$booted"
  [[ ${origin[backend]} == composefs ]] || type='"bootcHost"'
  read_origin "${staged:-$booted}"
  spec=$(image_json)
  [[ ! $rollback_queued ]] || order=rollback queued=true
  ! mountpoint --quiet /usr || overlay='{"accessMode":"readWrite","persistence":"transient"}'
  printf '{"apiVersion":"org.containers.bootc/v1","kind":"BootcHost","metadata":{"name":"host"},"spec":{"image":%s,"bootOrder":"%s"},"status":{"staged":%s,"booted":%s,"rollback":%s,"rollbackQueued":%s,"type":%s,"usrOverlay":%s,"readOnly":false}}\n' \
    "$spec" "$order" "$(entry_json "$staged" "$download_only")" "$(entry_json "$booted")" "$(entry_json "$rollback")" \
    "$queued" "$type" "$overlay"
}

# A little of what bootc says in YAML and to people.
print_words() {
  local id name
  read_deployments || fail 'this is no system that was installed by it'
  echo "# $version"
  for name in staged booted rollback; do
    id=${!name}
    [[ $id ]] || continue
    read_origin "$id"
    printf '%s:\n  image: %s\n  imageDigest: %s\n' "$name" "${origin[image]}" "${origin[digest]}"
  done
  [[ ! $rollback_queued ]] || echo 'rollbackQueued: true'
}

status() {
  local format=words
  # shellcheck disable=SC2034 # bootc reads them
  usage='status [OPTIONS]' doing='Status'
  while (($#)); do
    case $1 in
      --json) format=json ;;
      --format | --format-version)
        (($# > 1)) || usage_error "a value is required for '$1 <VALUE>' but none was supplied"
        [[ $1 != --format ]] || format=$2
        shift
        ;;
      --format=*) format=${1#*=} ;;
      --format-version=* | --booted | --verbose | -v) ;;
      *) usage_error "unexpected argument '$1' found" ;;
    esac
    shift
  done
  case $format in
    json) print_json ;;
    words | humanreadable | yaml) print_words ;;
    *) usage_error "invalid value '$format' for '--format <FORMAT>'" ;;
  esac
}

deployments() {
  local verb=$1
  shift
  case $verb in
    status) status "$@" ;;
    *) usage_error "unrecognized subcommand '$verb'" ;;
  esac
}
