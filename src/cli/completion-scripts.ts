// Contains the scripts that a shell evaluates to complete command lines. Each script passes the
// words before the cursor to the hidden command `__complete`. That command prints a line
// `WORD<tab>DESCRIPTION` for each possibility, and the line `:files` if paths fit.

export const shells = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof shells)[number];
export const completeCommand = "__complete";
export const filesMark = ":files";

/**
 * bash splits words at `:` and `=`, which names may contain, so the script splits the line at
 * blanks.
 */
const bash = `# stasis completion for bash: eval "$(stasis completion bash)"
_stasis_complete() {
  local line="\${COMP_LINE:0:COMP_POINT}" words reply cut
  read -ra words <<<"$line"
  [[ "$line" == *[[:space:]] ]] && words+=("")
  local current="\${words[\${#words[@]}-1]}"
  COMPREPLY=()
  while IFS=$'\\t' read -r reply _; do
    if [[ "$reply" == "${filesMark}" ]]; then
      compopt -o filenames -o default 2>/dev/null
      mapfile -t COMPREPLY < <(compgen -f -- "$current")
      return
    fi
    COMPREPLY+=("$reply")
  done < <("\${words[0]}" ${completeCommand} -- "\${words[@]:1}" 2>/dev/null)
  cut="\${current%"\${current##*[:=]}"}"
  if [[ -n "$cut" ]]; then COMPREPLY=("\${COMPREPLY[@]#"$cut"}"); fi
}
complete -F _stasis_complete stasis
`;

const zsh = `#compdef stasis
# stasis completion for zsh: eval "$(stasis completion zsh)", or a file _stasis in $fpath
_stasis() {
  local -a replies
  local line value description
  for line in "\${(@f)$("\${words[1]}" ${completeCommand} -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}"; do
    [[ -z "$line" ]] && continue
    if [[ "$line" == "${filesMark}" ]]; then
      _files
      return
    fi
    value="\${line%%$'\\t'*}"
    description="\${line#*$'\\t'}"
    replies+=("\${value//:/\\\\:}:$description")
  done
  _describe 'stasis' replies
}
if [[ "\${funcstack[1]}" == "_stasis" ]]; then _stasis "$@"; else compdef _stasis stasis; fi
`;

const fish = `# stasis completion for fish: stasis completion fish | source
function __stasis_complete
  set -l words (commandline -opc) (commandline -ct)
  for line in (command $words[1] ${completeCommand} -- $words[2..-1] 2>/dev/null)
    if test "$line" = "${filesMark}"
      __fish_complete_path (commandline -ct)
      return
    end
    echo $line
  end
end
complete -c stasis -f -a '(__stasis_complete)'
`;

export const completionScripts: Readonly<Record<Shell, string>> = { bash, zsh, fish };
