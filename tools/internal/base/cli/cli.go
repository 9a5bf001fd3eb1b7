package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"unicode/utf8"

	"github.com/jasonwzm/release-builder/tools/internal/base/hint"
)

// The exit status of every command.
const (
	OK      = 0 // done
	Failure = 1 // a failure, or a check that found a difference
	Usage   = 2 // the command line is wrong
)

// Main runs a command and ends the process with its exit status. SIGINT and
// SIGTERM cancel ctx.
func Main(run func(ctx context.Context, args []string, stdout, stderr io.Writer) int) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// Log returns a function that prints lines about what a program does to stderr, each with its
// name.
func Log(stderr io.Writer, name string) func(format string, args ...any) {
	var mu sync.Mutex
	return func(format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Fprintf(stderr, "%s: %s\n", name, Line(fmt.Sprintf(format, args...)))
	}
}

// Fail prints the errors that are joined in err, each as "NAME: error: …", then the hints as
// "NAME: hint: …", and returns Failure. It indents the further lines of an error.
func Fail(stderr io.Writer, name string, err error) int {
	for _, e := range hint.Split(err) {
		fmt.Fprintf(stderr, "%s: error: %s\n", name, indented(Printable(e.Error())))
	}
	for _, h := range hint.Of(err) {
		fmt.Fprintf(stderr, "%s: hint: %s\n", name, indented(Printable(h)))
	}
	return Failure
}

// indented indents all lines but the first, unless they are.
func indented(s string) string {
	lines := strings.Split(s, "\n")
	for i, line := range lines {
		if i > 0 && line != "" && !strings.HasPrefix(line, indent) {
			lines[i] = indent + line
		}
	}
	return strings.Join(lines, "\n")
}

const indent = "    "

// Printable escapes control characters, as Go does, so that a file name in a message
// cannot move a terminal's cursor.
func Printable(s string) string {
	var b strings.Builder
	for i, r := range s {
		switch {
		case r == utf8.RuneError && !strings.HasPrefix(s[i:], string(utf8.RuneError)):
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case r == '\n' || strconv.IsGraphic(r):
			b.WriteRune(r)
		default:
			b.WriteString(strings.Trim(strconv.QuoteRune(r), "'"))
		}
	}
	return b.String()
}

// Line is Printable on one line.
func Line(s string) string { return strings.ReplaceAll(Printable(s), "\n", `\n`) }

// Words is a flag that may be repeated. An empty value is an error.
type Words []string

func (w *Words) String() string { return strings.Join(*w, " ") }

// Set implements [flag.Value].
func (w *Words) Set(s string) error {
	if s == "" {
		return errors.New("it is empty")
	}
	if !slices.Contains(*w, s) {
		*w = append(*w, s)
	}
	return nil
}

// UsageError prints "NAME: error: …" with a pointer to -help and returns Usage.
func UsageError(stderr io.Writer, name, format string, args ...any) int {
	fmt.Fprintf(stderr, "%s: error: %s\n%s: hint: run %s -help\n", name, fmt.Sprintf(format, args...), name, name)
	return Usage
}
