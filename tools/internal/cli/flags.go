package cli

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
)

// ParseFlags parses args. If it returns false the command ends with the status. An
// empty or blank value, of a flag or as an argument, is an error: a script passes
// one where a variable is not set, and what it meant is not known.
func ParseFlags(fs *flag.FlagSet, args []string, stderr io.Writer) (status int, ok bool) {
	fs.SetOutput(stderr)
	if bad := emptyFlag(fs, args); bad != "" {
		return UsageError(stderr, fs.Name(), "%s; is a variable unset?", bad), false
	}
	switch err := fs.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return OK, false
	case err != nil:
		return Usage, false
	}
	for i, arg := range fs.Args() {
		if blank(arg) {
			return UsageError(stderr, fs.Name(), "argument %d: got an empty value; is a variable unset?", i+1), false
		}
	}
	return OK, true
}

// emptyFlag returns what is wrong with the first flag whose value is empty, or "".
// It reads args as package flag does, up to what that refuses.
func emptyFlag(fs *flag.FlagSet, args []string) string {
	for len(args) > 0 {
		arg := args[0]
		args = args[1:]
		name := strings.TrimPrefix(strings.TrimPrefix(arg, "-"), "-")
		if name == arg || name == "" {
			return "" // no flag, or the end of them
		}
		name, value, given := strings.Cut(name, "=")
		f := fs.Lookup(name)
		if f == nil {
			return ""
		}
		isBool, want := false, ""
		if b, ok := f.Value.(interface{ IsBoolFlag() bool }); ok && b.IsBoolFlag() {
			isBool, want = true, "true or false"
		} else if want, _ = flag.UnquoteUsage(f); want == "" {
			want = "a value"
		}
		if !given && !isBool && len(args) > 0 {
			value, args, given = args[0], args[1:], true
		}
		if given && blank(value) {
			return fmt.Sprintf("--%s: got an empty value, want %s", name, want)
		}
	}
	return ""
}

func blank(s string) bool { return strings.TrimSpace(s) == "" }
