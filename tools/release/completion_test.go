package main

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jasonwzm/release-builder/tools/internal/base/cli"
	"github.com/jasonwzm/release-builder/tools/internal/testing/readers"
)

// script writes what completion prints for a shell to a file of a new directory, which becomes
// the current one and has another file, notes.md.
func script(t *testing.T, shell, file string) string {
	t.Helper()
	var text strings.Builder
	if status := run(t.Context(), []string{"completion", shell}, &text, io.Discard); status != cli.OK {
		t.Fatalf("got status %d", status)
	}
	t.Chdir(t.TempDir())
	for name, content := range map[string]string{"notes.md": "", file: text.String()} {
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, file)
}

func complete(t *testing.T, shell string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), shell, args...)
	cmd.Env = append(os.Environ(), "HOME="+t.TempDir(), "TERM=dumb")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %q: %v\n%s", filepath.Base(shell), args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// TestBash has the shell complete command lines with the script that completion prints.
func TestBash(t *testing.T) {
	bash := readers.Find(t, "bash")
	file := script(t, "bash", "release.bash")
	for _, tt := range []struct{ words, want string }{
		{"pr", "preflight promote"},
		{"--l", "--line"},
		{"--line promote pub", "publish"},
		{"publish --gcs", "--gcsaliases --gcsbucket"},
		{"verify --d", "--deep --destinations"},
		{"completion f", "fish"},
		{"diff not", "notes.md"},
	} {
		const line = `. "$0"; COMP_WORDS=(release "$@") COMP_CWORD=$#; _release_words; echo "${COMPREPLY[*]}"`
		if got := complete(t, bash, append([]string{"-c", line, file}, strings.Fields(tt.words)...)...); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.words, got, tt.want)
		}
	}
}

// typed has a zsh complete what a user types, with one stroke of the tabulator. $1 is a
// directory with its .zshrc, the others are command lines.
const typed = `
zmodload zsh/zpty
for line in "${@:2}"; do
  zpty z "ZDOTDIR=${(q)1} zsh -i"
  zpty -r z out '*PROMPT*' && zpty -w -n z "$line"$'\t\C-g'
  zpty -r z out '*BUFFER=<*>*' && print -r -- ${${out##*BUFFER=<}%%>*}
  zpty -d z
done`

// zshrc begins a shell in which control-G shows the command line.
const zshrc = `
PS1=PROMPT
%s
show() { print -r -- "BUFFER=<$BUFFER>" }
zle -N show
bindkey '^G' show
bindkey '^I' complete-word
`

// TestZsh types in a zsh that has the script in its function path, and in one that reads it.
func TestZsh(t *testing.T) {
	zsh := readers.Find(t, "zsh")
	dir := filepath.Dir(script(t, "zsh", "_release"))
	lines := []string{"release --line promote pub", "release publish --gcsb", "release completion f", "release diff not"}
	const want = "release --line promote publish\nrelease publish --gcsbucket\nrelease completion fish\nrelease diff notes.md"
	for name, load := range map[string]string{
		"function path": "fpath=(" + dir + " $fpath); autoload -Uz compinit; compinit -u -D",
		"read":          "autoload -Uz compinit; compinit -u -D; . " + dir + "/_release",
	} {
		t.Run(name, func(t *testing.T) {
			rc := t.TempDir()
			if err := os.WriteFile(filepath.Join(rc, ".zshrc"), []byte(strings.Replace(zshrc, "%s", load, 1)), 0o600); err != nil {
				t.Fatal(err)
			}
			if got := complete(t, zsh, append([]string{"-f", "-c", typed, "zsh", rc}, lines...)...); got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

// TestFish asks the shell what it would complete.
func TestFish(t *testing.T) {
	fish := readers.Find(t, "fish")
	file := script(t, "fish", "release.fish")
	for _, tt := range []struct{ line, want string }{
		{"release pr", "preflight promote"},
		{"release publish --gcs", "--gcsaliases --gcsbucket"},
		{"release verify --de", "--deep --destinations"},
		{"release completion f", "fish"},
		{"release diff not", "notes.md"},
	} {
		out := complete(t, fish, "--no-config", "-c", `source $argv[1]; complete -C $argv[2]`, file, tt.line)
		var words []string
		for line := range strings.Lines(out) {
			word, _, _ := strings.Cut(strings.TrimSpace(line), "\t")
			words = append(words, word)
		}
		if got := strings.Join(words, " "); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.line, got, tt.want)
		}
	}
}
