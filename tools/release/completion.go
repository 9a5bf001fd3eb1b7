package main

import (
	"context"
	"fmt"
	"io"
	"regexp"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/base/cli"
)

// flagLine matches a flag in the help of a verb.
var flagLine = regexp.MustCompile(`(?m)^  (--[\w-]+)`)

// flagsOf returns the flags of a verb, as its help shows them.
func flagsOf(v verb) []string {
	var help strings.Builder
	v.run(context.Background(), []string{"--help"}, io.Discard, &help)
	var flags []string
	for _, m := range flagLine.FindAllStringSubmatch(help.String(), -1) {
		flags = append(flags, m[1])
	}
	return flags
}

// completion prints a script for a shell that completes verbs, flags and file names.
func completion(args []string, stdout, stderr io.Writer) int {
	if len(args) != 1 {
		return cli.UsageError(stderr, "release completion", "got %d arguments, want one: bash, zsh or fish", len(args))
	}
	switch args[0] {
	case "bash":
		fmt.Fprint(stdout, bash(), "complete -o filenames -F _release_words release\n")
	case "zsh":
		fmt.Fprintf(stdout, zsh, bash())
	case "fish":
		fish(stdout)
	default:
		return cli.UsageError(stderr, "release completion", "got shell %q, want bash, zsh or fish", args[0])
	}
	return cli.OK
}

// zsh has bash's function. It is the file _release, which zsh calls for the first word to complete
// and later, or it is read when a shell starts.
const zsh = `#compdef release
autoload -U +X bashcompinit && bashcompinit
%sif [[ ${funcstack[1]} == _release ]]; then
  _bash_complete -o filenames -F _release_words
else
  complete -o filenames -F _release_words release
fi
`

// bash returns a function for bash.
func bash() string {
	var names []string
	var cases strings.Builder
	for _, v := range verbs {
		names = append(names, v.name)
		fmt.Fprintf(&cases, "    %s) words='%s' ;;\n", v.name, strings.Join(flagsOf(v), " "))
	}
	return fmt.Sprintf(`_release_words() {
  local words='%s completion --line --version' verb i
  for ((i = 1; i < COMP_CWORD; i++)); do
    case ${COMP_WORDS[i]} in
      --line) ((i++)) ;;
      -*) ;;
      *) verb=${COMP_WORDS[i]}; break ;;
    esac
  done
  case $verb in
    '') ;;
    completion) words='bash zsh fish' ;;
%s  esac
  if [[ -n $verb && ${COMP_WORDS[COMP_CWORD]} != -* && $verb != completion ]]; then
    COMPREPLY=($(compgen -f -- "${COMP_WORDS[COMP_CWORD]}"))
  else
    COMPREPLY=($(compgen -W "$words" -- "${COMP_WORDS[COMP_CWORD]}"))
  fi
}
`, strings.Join(names, " "), cases.String())
}

func fish(w io.Writer) {
	for _, v := range verbs {
		fmt.Fprintf(w, "complete -c release -n __fish_use_subcommand -a %s -d '%s'\n", v.name, v.does)
		for _, f := range flagsOf(v) {
			fmt.Fprintf(w, "complete -c release -n '__fish_seen_subcommand_from %s' -l %s\n", v.name, strings.TrimPrefix(f, "--"))
		}
	}
	fmt.Fprint(w, "complete -c release -n __fish_use_subcommand -a completion -d 'print completions for a shell'\ncomplete -c release -n '__fish_seen_subcommand_from completion' -a 'bash zsh fish'\n")
}
