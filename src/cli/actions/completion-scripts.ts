import type { Shell } from '../options.js';

/*
 * Each script asks `podman-bootc __complete` with the words up to the cursor, so that the shells share one
 * logic and VMs and images are always the present ones.
 */

// Words are split here and not taken from COMP_WORDS, where bash has split image names at their colons.
const bash = `# bash completion for podman-bootc
_podman_bootc() {
  local line=\${COMP_LINE:0:COMP_POINT} current words candidate
  read -ra words <<<"$line"
  [[ $line == *[[:space:]] ]] && words+=('')
  current=\${words[-1]}
  COMPREPLY=()
  while IFS=$'\\t' read -r candidate _; do
    # bash replaces only what stands behind the last colon
    [[ $current == *:* && $COMP_WORDBREAKS == *:* ]] && candidate=\${candidate#"\${current%:*}:"}
    COMPREPLY+=("$candidate")
  done < <("\${words[0]}" __complete -- "\${words[@]:1}" 2>/dev/null)
}
complete -o bashdefault -o default -F _podman_bootc podman-bootc
`;

const zsh = `#compdef podman-bootc
# zsh completion for podman-bootc
_podman_bootc() {
  local -a values descriptions
  local line
  while IFS= read -r line; do
    values+=("\${line%%$'\\t'*}")
    descriptions+=("\${line/$'\\t'/  -- }")
  done < <("\${words[1]}" __complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)
  if (( \${#values} )); then
    compadd -l -d descriptions -a values
  else
    _files
  fi
}
if [ "$funcstack[1]" = "_podman_bootc" ]; then
  _podman_bootc "$@"
else
  compdef _podman_bootc podman-bootc
fi
`;

const fish = `# fish completion for podman-bootc
function __podman_bootc_complete
    set -l words (commandline -opc) (commandline -ct)
    $words[1] __complete -- $words[2..-1] 2>/dev/null
end
complete -c podman-bootc -f -a '(__podman_bootc_complete)'
complete -c podman-bootc -n '__fish_seen_subcommand_from run create' -l cloudinit -r -F
complete -c podman-bootc -n '__fish_seen_subcommand_from run create' -l disk -r -F
complete -c podman-bootc -n '__fish_seen_subcommand_from run create' -l identity -r -F
complete -c podman-bootc -n '__fish_seen_subcommand_from to-disk' -F
`;

const powershell = `# PowerShell completion for podman-bootc
Register-ArgumentCompleter -Native -CommandName podman-bootc -ScriptBlock {
  param($word, $ast, $cursor)
  $words = @($ast.CommandElements | Where-Object { $_.Extent.StartOffset -lt $cursor } | ForEach-Object { $_.Extent.Text })
  $rest = @($words | Select-Object -Skip 1)
  if ($word -eq '') { $rest += '""' }
  & $words[0] __complete -- @rest 2>$null | ForEach-Object {
    $value, $description = $_ -split "\`t", 2
    if (-not $description) { $description = $value }
    [System.Management.Automation.CompletionResult]::new($value, $value, 'ParameterValue', $description)
  }
}
`;

const scripts: Readonly<Record<Shell, string>> = { bash, zsh, fish, powershell };

/** The completion script for a shell. */
export function completionScript(shell: Shell): string {
  return scripts[shell];
}
