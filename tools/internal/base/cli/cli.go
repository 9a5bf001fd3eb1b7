// Package cli is what every command here shares: how it starts, how it prints
// an error with its hint, and which exit status it ends with.
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

// Fail prints err as "NAME: error: …", one line for each error that was joined
// into it, then the hints as "NAME: hint: …", and returns Failure.
func Fail(stderr io.Writer, name string, err error) int {
	for _, e := range hint.Split(err) {
		fmt.Fprintf(stderr, "%s: error: %s\n", name, Printable(e.Error()))
	}
	for _, h := range hint.Of(err) {
		fmt.Fprintf(stderr, "%s: hint: %s\n", name, Printable(h))
	}
	return Failure
}

// Printable escapes, as Go does, what could move the cursor of a terminal, or
// worse. An error of the system shows a path as it is, and a path may be anybody's.
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

// Line is Printable for what has to stay on one line.
func Line(s string) string { return strings.ReplaceAll(Printable(s), "\n", `\n`) }

// Words is a flag that may be given several times, but not empty.
type Words []string

func (w *Words) String() string { return strings.Join(*w, " ") }

// Set is that of flag.Value.
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
