# shellcheck shell=bash
# The three-way merge of /etc of the stand-in for bootc. Sourced by bootc. Files are compared by what stat(2) says of
# them, in one process for each tree: all that makes copies here keeps times.

# listing DIRECTORY: a line for each file below: path, type, what makes it another one.
listing() {
  (cd "$1" && find . -mindepth 1 \
    \( -type d -printf '%P\t%y\t%m %U %G\n' \) -o -printf '%P\t%y\t%m %U %G %s %T@ %l\n')
}

# etc_changes OLD NEW CURRENT: what was changed in CURRENT since it was the image's OLD, against the image's NEW: lines of
# `copy PATH`, `remove PATH` and, where a file and a directory would have to be in one place, `conflict PATH`.
etc_changes() {
  awk -F '\t' '
    function conflicts(path,  parent) {
      if (path in new && (new[path] == "d") != (type == "d")) return 1
      for (parent = path; sub("/[^/]*$", "", parent); )
        if (parent in new && new[parent] != "d") return 1
      return 0
    }
    FNR == 1 { tree++ }
    tree == 1 { old[$1] = $2 " " $3; next }
    tree == 2 { new[$1] = $2; next }
    {
      path = $1
      type = $2
      same = (path in old) && old[path] == type " " $3
      delete old[path]
      if (!same) print (conflicts(path) ? "conflict " : "copy ") path
    }
    END {
      for (path in old)
        if (path in new && (new[path] == "d") == (old[path] ~ /^d/)) print "remove " path
    }' <(listing "$1") <(listing "$2") <(listing "$3")
}

# merge_etc OLD NEW CURRENT TARGET: makes TARGET of NEW and the changes.
merge_etc() {
  local changes
  changes=$(etc_changes "$1" "$2" "$3")
  rm -rf "$4"
  cp --archive "$2" "$4"
  sed -n 's/^copy //p' <<<"$changes" |
    tar --create --file=- --directory="$3" --no-recursion --xattrs --acls --numeric-owner --verbatim-files-from --files-from=- |
    tar --extract --file=- --directory="$4" --xattrs --xattrs-include='*' --acls --numeric-owner
  sed -n 's/^remove //p' <<<"$changes" | (cd "$4" && xargs --no-run-if-empty --delimiter='\n' rm -rf --)
}
