package cli

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
)

// ParseFlags parses args. If it returns false, the command has to end with the returned
// status. An empty or blank value or argument is an error, and so is another flag in
// place of a value: scripts pass these where a variable is not set.
func ParseFlags(fs *flag.FlagSet, args []string, stderr io.Writer) (status int, ok bool) {
	fs.SetOutput(stderr)
	has := false
	fs.VisitAll(func(*flag.Flag) { has = true })
	if has {
		fs.Usage = func() { usage(fs, stderr) }
	}
	if bad := unset(fs, args); bad != "" {
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

// unset returns what is wrong with the first flag that has no value, or "". It reads args
// as package flag does, up to the first argument that package flag rejects.
func unset(fs *flag.FlagSet, args []string) string {
	for len(args) > 0 {
		name, value, given := strings.Cut(args[0], "=")
		f := lookup(fs, name)
		if f == nil {
			return "" // not a flag, the end of the flags, or an unknown flag
		}
		name, args = f.Name, args[1:]
		isBool, want := false, ""
		if b, ok := f.Value.(interface{ IsBoolFlag() bool }); ok && b.IsBoolFlag() {
			isBool, want = true, "true or false"
		} else if want, _ = flag.UnquoteUsage(f); want == "" {
			want = "a value"
		}
		if !given && !isBool && len(args) > 0 {
			if lookup(fs, args[0]) != nil {
				return fmt.Sprintf("--%s: got flag %s in place of a value, want %s", name, args[0], want)
			}
			value, args, given = args[0], args[1:], true
		}
		if given && blank(value) {
			return fmt.Sprintf("--%s: got an empty value, want %s", name, want)
		}
	}
	return ""
}

// lookup returns the flag of an argument such as -name or --name, or nil.
func lookup(fs *flag.FlagSet, arg string) *flag.Flag {
	name, ok := strings.CutPrefix(arg, "-")
	if !ok {
		return nil
	}
	return fs.Lookup(strings.TrimPrefix(name, "-"))
}

func blank(s string) bool { return strings.TrimSpace(s) == "" }
