# shellcheck shell=bash disable=SC2154 # `version`, `library` are bootc's
# What the stand-in for bootc does on a system that it has installed. Sourced by bootc, which says what is on the disk.
#
# In /run, so that a VM that is cut off forgets it:
#   staged           the deployment that the next shutdown is to finalize; a second line where it is not to be
#   booted           the one that runs, where a soft reboot brought it up
#   rollback-queued  that the one before comes with the next boot
# Where ostree and bootc note it is an empty file, for those who only look whether there is something.
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
  printf '%s\n' "$(<"$sysroot/deploy/$1.layers")"
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

# ---- staging ----------------------------------------------------------------------------------------

# pull TRANSPORT REFERENCE: into `$sysroot/pull`, an OCI layout where the layers that the disk has are there already, as
# files without anything in them: skopeo then asks for none of them. The composefs backend reads all of a directory.
pull() {
  local source=$1:$2 layer
  [[ $1 != registry ]] || source=docker://$2
  rm -rf "$sysroot/pull"
  mkdir -p "$sysroot/pull/blobs/sha256"
  if [[ $1 == registry || $backend != composefs ]]; then
    for layer in "$sysroot"/layers/*; do
      : >"$sysroot/pull/blobs/sha256/${layer##*/}"
    done
  fi
  skopeo copy --quiet --dest-oci-accept-uncompressed-layers "$source" "oci:$sysroot/pull:image" ||
    fail "failed to pull $2"
  read_pulled
}

# digests_in TEXT NAME: sets `digests` to those in the list that has the name. Without a process, of which each takes an
# emulated guest a tenth of a second; so below.
digests_in() {
  local rest=''
  digests=()
  [[ ! $1 =~ \"$2\":[[:space:]]*\[([^]]*)\] ]] || rest=${BASH_REMATCH[1]}
  while [[ $rest =~ sha256:([0-9a-f]{64})(.*) ]]; do
    digests+=("${BASH_REMATCH[1]}")
    rest=${BASH_REMATCH[2]}
  done
}

# read_pulled: sets `digest`, `blobs` and `layers` (of the same layers), `image_version` and `timestamp`.
read_pulled() {
  local manifest config
  digests_in "$(<"$sysroot/pull/index.json")" manifests
  digest=sha256:${digests[0]}
  manifest=$(<"$sysroot/pull/blobs/sha256/${digests[0]}")
  [[ $manifest =~ \"config\":[[:space:]]*\{[^}]*sha256:([0-9a-f]{64}) ]]
  config=$(<"$sysroot/pull/blobs/sha256/${BASH_REMATCH[1]}")
  digests_in "$manifest" layers
  blobs=("${digests[@]}")
  digests_in "$config" diff_ids
  layers=("${digests[@]}")
  image_version=$(label_in "$config")
  timestamp=$(created_in "$config")
}

unpack_layers() {
  local index layer
  for index in "${!layers[@]}"; do
    layer=$sysroot/layers/${layers[index]}
    [[ ! -d $layer ]] || continue
    rm -rf "$sysroot/unpacking"
    mkdir "$sysroot/unpacking"
    tar --extract --file="$sysroot/pull/blobs/sha256/${blobs[index]}" --directory="$sysroot/unpacking" \
      --xattrs --xattrs-include='*' --acls --numeric-owner
    translate_whiteouts "$sysroot/unpacking"
    mv "$sysroot/unpacking" "$layer"
  done
}

# From the names that say in an archive what is gone, to overlayfs's way.
translate_whiteouts() { # DIRECTORY
  local path
  while IFS= read -r -d '' path; do
    rm -rf "$path"
    if [[ ${path##*/} == .wh..wh..opq ]]; then
      setfattr --name=trusted.overlay.opaque --value=y "${path%/*}"
    else
      mknod "${path%/*}/${path##*/.wh.}" c 0 0
    fi
  done < <(find "$1" -name '.wh.*' -print0)
}

# mount_tree ID DIRECTORY: the deployment as its image has it, read-only.
mount_tree() {
  local options=empty layer
  while read -r layer; do
    options=$layer:$options
  done < <(layers_of "$1")
  mkdir -p "$2"
  # The kernel's newer interface takes no such long option (util-linux from 2.39 on).
  (cd "$sysroot/layers" && LIBMOUNT_FORCE_MOUNT2=always mount -t overlay -o "ro,lowerdir=$options" overlay "$2")
}

# with_trees ID COMMAND…: runs it with the trees of the booted deployment and of another one mounted.
with_trees() {
  local code=0
  mount_tree "$booted" "$state/old"
  mount_tree "$1" "$state/new"
  "${@:2}" || code=$?
  umount "$state/old" "$state/new"
  return "$code"
}

find_conflicts() {
  etc_changes "$state/old/etc" "$state/new/etc" "$sysroot/state/etc-$booted" | sed -n 's/^conflict //p'
}

# What podman makes a layer of where nothing has changed.
empty_layer=5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef

# refuse_same_tree: composefs knows a deployment by what is in it.
refuse_same_tree() {
  local name id tree
  tree=$(printf '%s\n' "${layers[@]}" | grep -v "$empty_layer")
  [[ $backend == composefs ]] || return 0
  for name in booted staged rollback; do
    id=${!name}
    [[ ! $id || $(layers_of "$id" | grep -v "$empty_layer") != "$tree" ]] ||
      fail "Target image has the same fs-verity digest as the existing ${name^} deployment."
  done
}

# stage TRANSPORT REFERENCE [DOWNLOAD-ONLY]: what was pulled comes with the next boot.
stage() {
  local id serial=0 conflicts
  refuse_same_tree
  id=${digest#sha256:}
  id=${id:0:12}
  while [[ -e $sysroot/deploy/$id.$serial.layers ]]; do
    ((++serial))
  done
  id=$id.$serial
  unpack_layers
  rm -rf "$sysroot/pull"
  printf '%s\n' "${layers[@]}" >"$sysroot/deploy/$id.layers"
  print_origin "$1" "$2" "$digest" "$backend" "$image_version" "$timestamp" >"$sysroot/deploy/$id.staged"
  conflicts=$(with_trees "$id" find_conflicts)
  [[ ! $conflicts ]] || {
    rm "$sysroot/deploy/$id".*
    remove_unused
    fail "Merge conflicts found in etc: $conflicts"
  }
  staged=$id
  download_only=${3-}
  set_rollback_queued ''
  remove_unused
  sync --file-system "$sysroot"
  keep_staged
}

keep_staged() {
  local note=/run/ostree/staged-deployment
  [[ $backend != composefs ]] || note=/run/composefs/staged-deployment
  printf '%s\n' "$staged" "$download_only" >"$state/staged"
  mkdir -p "${note%/*}"
  : >"$note"
}

forget_staged() {
  rm -f "$state/staged" /run/{ostree,composefs}/staged-deployment
}

# remove_unused: what neither the booted deployment, nor the staged one, nor the one before needs.
remove_unused() {
  local path id layer
  local -A used=([empty]=yes)
  for id in "$booted" "$staged" "$rollback"; do
    [[ $id ]] || continue
    used[$id]=yes
    while read -r layer; do
      used[$layer]=yes
    done < <(layers_of "$id")
  done
  for path in "$sysroot"/deploy/*.{layers,origin,staged} "$sysroot"/layers/* "$sysroot"/state/etc-*; do
    id=${path##*/}
    id=${id#etc-}
    id=${id%.layers} id=${id%.origin} id=${id%.staged}
    [[ ${used[$id]-} ]] || rm -rf "$path"
  done
}

# ---- the next boot ----------------------------------------------------------------------------------

# with_esp COMMAND…: runs it with the EFI system partition on `$state/esp`.
with_esp() {
  local device code=0
  device=$(findmnt --noheadings --output SOURCE "$sysroot")
  mkdir -p "$state/esp"
  mount -t vfat "${device%2}1" "$state/esp"
  "$@" || code=$?
  umount "$state/esp"
  return "$code"
}

make_etc() { # ID
  merge_etc "$state/old/etc" "$state/new/etc" "$sysroot/state/etc-$booted" "$sysroot/state/etc-$1"
}

make_bootable() { # ID
  local kernel machine given
  { read -r machine && read -r given; } <"$sysroot/deploy/kargs" || true
  kernel=$(files_of "$1" 'usr/lib/modules/*/vmlinuz' | head -n 1)
  # The initramfs may come from another layer.
  mkdir -p "$state/kernel"
  ln -sf "${kernel#* }" "$state/kernel/vmlinuz"
  kernel=$(files_of "$1" 'usr/lib/modules/*/initramfs.img' | head -n 1)
  ln -sf "${kernel#* }" "$state/kernel/initramfs.img"
  write_entry "$state/esp" "$1" "$state/kernel" "$machine deployment=$1 $(arguments_of "$1")$given"
  sync --file-system "$state/esp"
  write_default "$state/esp" "$1"
}

remove_unused_entries() {
  local path id
  for path in "$state"/esp/linux/*; do
    id=${path##*/}
    [[ -e $sysroot/deploy/$id.layers ]] || remove_entry "$state/esp" "$id"
  done
}

# finalize: at the shutdown, or before a soft reboot, makes what is staged what is booted next. The last of all is the
# choice in the boot loader; until then the booted deployment is what comes.
finalize() {
  local FINALIZE='' FINALIZE_SLEEP=0
  read_deployments || return 0
  [[ $staged && ! $download_only ]] || return 0
  if [[ -r /usr/lib/bootc/standin.conf ]]; then
    # shellcheck disable=SC1091
    source /usr/lib/bootc/standin.conf
  fi
  ((FINALIZE_SLEEP == 0)) || sleep "$FINALIZE_SLEEP"
  [[ $FINALIZE != fail ]] || fail 'standin.conf asks for a failure'
  with_trees "$staged" make_etc "$staged"
  sync --file-system "$sysroot"
  with_esp make_bootable "$staged"
  forget_staged
  mv "$sysroot/deploy/$staged.staged" "$sysroot/deploy/$staged.origin"
  # The one before, after the next boot, is the one that runs now.
  rollback=
  remove_unused
  with_esp remove_unused_entries
}

set_rollback_queued() { # YES-OR-NOTHING
  [[ "$1" != "$rollback_queued" ]] || return 0
  rollback_queued=$1
  if [[ $1 ]]; then
    : >"$state/rollback-queued"
    with_esp write_default "$state/esp" "$rollback"
  else
    rm "$state/rollback-queued"
    with_esp write_default "$state/esp" "$booted"
  fi
}

soft_reboot() { # ID
  local root=/run/nextroot
  finalize
  mount_tree "$1" "$root"
  mount --bind "$sysroot/state/etc-$1" "$root/etc"
  mount --bind "$sysroot/state/var" "$root/var"
  mount --bind "$sysroot" "$root/sysroot"
  mount -t tmpfs -o mode=1777,nosuid,nodev tmpfs "$root/tmp"
  echo "$1" >"$state/booted"
  systemctl soft-reboot
}

# apply: what --apply and --soft-reboot ask for, of what is staged.
apply() {
  local can=
  [[ $soft_reboot_mode || $apply ]] || return 0
  if [[ $soft_reboot_mode ]]; then
    ! can_soft_reboot "$staged" || can=yes
    [[ $can || $soft_reboot_mode != required ]] || fail 'a soft reboot is not available for this deployment'
  fi
  [[ $apply ]] || return 0
  if [[ $can ]]; then
    soft_reboot "$staged"
  else
    systemctl reboot
  fi
}

# ---- verbs ------------------------------------------------------------------------------------------

apply=
check=
only_download=
from_downloaded=
soft_reboot_mode=
transport=registry
target=

# parse OPTIONS ARGUMENT…: those of OPTIONS, a list of words.
parse() {
  local allowed=" $1 " word
  shift
  while (($#)); do
    word=$1
    shift
    case $word in
      --*=*) set -- "${word#*=}" "$@" && word=${word%%=*} ;;
      -*) ;;
      *)
        [[ ! $target && $allowed == *' target '* ]] || usage_error "unexpected argument '$word' found"
        target=$word
        continue
        ;;
    esac
    [[ $allowed == *" $word "* ]] || usage_error "unexpected argument '$word' found"
    case $word in
      --apply) apply=yes ;;
      --check) check=yes ;;
      --download-only) only_download=yes ;;
      --from-downloaded) from_downloaded=yes ;;
      --transport | --soft-reboot)
        (($#)) || usage_error "a value is required for '$word <VALUE>' but none was supplied"
        if [[ $word == --transport ]]; then
          transport=$1
        else
          [[ $1 == required || $1 == auto ]] || usage_error "invalid value '$1' for '--soft-reboot <SOFT_REBOOT>'"
          soft_reboot_mode=$1
        fi
        shift
        ;;
    esac
  done
}

# One at a time.
begin() {
  require_deployments
  mkdir -p "$state"
  exec {lock}>"$state/lock"
  flock "$lock"
  # Not what it was before the lock.
  staged='' download_only='' rollback='' rollback_queued=''
  read_deployments
  read_origin "${staged:-$booted}"
  backend=${origin[backend]}
}

switch() {
  usage='switch [OPTIONS] <TARGET>' doing='Switching'
  parse '--apply --soft-reboot --transport --quiet --retain --enforce-container-sigpolicy target' "$@"
  [[ $target ]] || usage_error 'the following required arguments were not provided:
  <TARGET>'
  begin
  if [[ "${origin[transport]} ${origin[image]}" == "$transport $target" ]]; then
    echo 'Image specification is unchanged.'
    return
  fi
  pull "$transport" "$target"
  stage "$transport" "$target"
  echo "Queued for next boot: $target"
  apply
}

upgrade() {
  usage='upgrade [OPTIONS]' doing='Upgrading'
  parse '--apply --check --soft-reboot --quiet --download-only --from-downloaded' "$@"
  [[ ! $check || ! $apply$soft_reboot_mode ]] || usage_error "the argument '--check' cannot be used with others"
  [[ ! $only_download || ! $apply$check ]] || usage_error "the argument '--download-only' cannot be used with others"
  begin
  if [[ $from_downloaded ]]; then
    [[ $staged ]] || fail 'No staged deployment found'
    unlock_staged
    apply
  elif [[ $check ]]; then
    check_for_update
  else
    pull "${origin[transport]}" "${origin[image]}"
    upgrade_to_pulled
  fi
}

unlock_staged() {
  [[ $download_only ]] || return 0
  download_only=
  keep_staged
}

has_digest() { # ID
  [[ $1 ]] || return 1
  [[ $(sed -n 's/^digest //p' "$sysroot/deploy/$1".{origin,staged} 2>/dev/null) == "$digest" ]]
}

check_for_update() {
  local source=${origin[transport]}:${origin[image]}
  [[ ${origin[transport]} != registry ]] || source=docker://${origin[image]}
  digest=$(skopeo inspect --raw "$source" | sha256sum) || fail "failed to look at ${origin[image]}"
  digest=sha256:${digest%% *}
  if has_digest "$booted"; then
    echo "No changes in ${origin[image]}"
  else
    printf 'Update available for %s\n  Digest: %s\n' "${origin[image]}" "$digest"
  fi
}

# The composefs backend calls an image that is staged, and the one before, no news, and does nothing then.
upgrade_to_pulled() {
  if has_digest "$staged"; then
    if [[ $backend == composefs ]]; then
      echo "No changes in staged image ${origin[image]}"
      return
    fi
    echo 'The update is staged already'
    [[ $only_download ]] || unlock_staged
    apply
  elif has_digest "$booted" || { [[ $backend == composefs ]] && has_digest "$rollback"; }; then
    echo "No changes in ${origin[image]}"
  else
    stage "${origin[transport]}" "${origin[image]}" "$only_download"
    echo "Queued for next boot: ${origin[image]}"
    apply
  fi
}

rollback() {
  usage='rollback [OPTIONS]' doing='Rolling back'
  parse '--apply --soft-reboot' "$@"
  begin
  [[ $rollback ]] || fail 'there is no deployment to roll back to'
  if [[ $staged ]]; then
    forget_staged
    staged=
    remove_unused
  fi
  if [[ $rollback_queued ]]; then
    set_rollback_queued ''
    echo 'Next boot: the booted deployment'
  else
    set_rollback_queued yes
    echo 'Next boot: the deployment before'
  fi
  [[ ! $apply || $backend == composefs ]] || systemctl reboot
}

usr_overlay() {
  local directory=$state/usr-overlay
  # shellcheck disable=SC2034 # bootc reads them
  usage='usr-overlay' doing='Making /usr writable'
  parse '' "$@"
  begin
  ! mountpoint --quiet /usr || fail 'it is already'
  mkdir -p "$directory"
  mount -t tmpfs -o mode=755 tmpfs "$directory"
  mkdir "$directory"/{upper,work}
  mount -t overlay -o "lowerdir=/usr,upperdir=$directory/upper,workdir=$directory/work" overlay /usr
  echo 'A writable overlay is mounted on /usr until the next boot'
}

deployments() {
  local verb=$1
  shift
  case $verb in
    status) status "$@" ;;
    switch) switch "$@" ;;
    upgrade | update) upgrade "$@" ;;
    rollback) rollback "$@" ;;
    usr-overlay | usroverlay) usr_overlay "$@" ;;
    finalize) doing='Finalizing' finalize ;;
  esac
}
