package cli

import (
	"context"
	"flag"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A Verb is what a program does, or one of the things that it does: its flags, each with a
// value, and a function.
type Verb struct {
	Flags []Flag
	// Args means that arguments may follow the flags.
	Args bool
	Run  func(context.Context, Values) error
}

// A Flag is a flag with a value, which has to be given unless it is optional.
type Flag struct {
	name, usage string
	optional    bool
	check       func(value string) error // nil accepts any value
}

// Required returns a flag that has to be given. Check returns what is wrong with a value; nil
// accepts any.
func Required(name, usage string, check func(value string) error) Flag {
	return Flag{name: name, usage: usage, check: check}
}

// Optional returns a flag that may be left out.
func Optional(name, usage string) Flag { return Flag{name: name, usage: usage, optional: true} }

// Values are the flags and arguments of a command line.
type Values struct{ fs *flag.FlagSet }

// Get returns the value of a flag.
func (v Values) Get(name string) string { return v.fs.Lookup(name).Value.String() }

// Seconds returns the time of a flag that CheckSeconds checks.
func (v Values) Seconds(name string) time.Time {
	t, _ := seconds(v.Get(name))
	return t
}

// Args returns the arguments after the flags.
func (v Values) Args() []string { return v.fs.Args() }

// CheckSeconds is the Check of a flag for a time in seconds since 1970.
func CheckSeconds(value string) error {
	_, err := seconds(value)
	return err
}

func seconds(value string) (time.Time, error) {
	n, err := strconv.ParseInt(value, 10, 64)
	if err != nil || n < 0 {
		return time.Time{}, fmt.Errorf("got %q, want whole seconds since 1970", value)
	}
	return time.Unix(n, 0).UTC(), nil
}

// RunVerb runs the verb that the first argument names, and returns the exit status.
func RunVerb(ctx context.Context, name string, verbs map[string]Verb, args []string, stderr io.Writer) int {
	names := strings.Join(slices.Sorted(maps.Keys(verbs)), ", ")
	fs := flag.NewFlagSet(name, flag.ContinueOnError)
	fs.Usage = func() {
		fmt.Fprintf(stderr, "Usage: %s VERB, each of which explains its flags with -help: %s\n", name, names)
	}
	if status, ok := ParseFlags(fs, args, stderr); !ok {
		return status
	}
	verb, ok := verbs[fs.Arg(0)]
	if !ok {
		return UsageError(stderr, name, "got verb %q, want one of: %s", fs.Arg(0), names)
	}
	return verb.Main(ctx, name+" "+fs.Arg(0), fs.Args()[1:], stderr)
}

// Main parses the flags and arguments, runs the verb, and returns the exit status.
func (v Verb) Main(ctx context.Context, name string, args []string, stderr io.Writer) int {
	fs := flag.NewFlagSet(name, flag.ContinueOnError)
	for _, f := range v.Flags {
		fs.String(f.name, "", f.usage)
	}
	if status, ok := ParseFlags(fs, args, stderr); !ok {
		return status
	}
	values := Values{fs}
	for _, f := range v.Flags {
		value := values.Get(f.name)
		if value == "" && !f.optional {
			return UsageError(stderr, name, "--%s is missing", f.name)
		}
		if f.check != nil {
			if err := f.check(value); err != nil {
				return UsageError(stderr, name, "--%s: %v", f.name, err)
			}
		}
	}
	if fs.NArg() > 0 && !v.Args {
		return UsageError(stderr, name, "got argument %q, want flags only", fs.Arg(0))
	}
	if err := v.Run(ctx, values); err != nil {
		return Fail(stderr, name, err)
	}
	return OK
}
