package cli

import (
	"context"
	"errors"
	"strings"
	"testing"
)

func TestRunVerb(t *testing.T) {
	var said string
	verbs := map[string]Verb{
		"say": {Flags: []Flag{Required("what", "the `words`", nil), Required("mtime", "`seconds`", CheckSeconds), Optional("how", "the `manner`")},
			Run: func(_ context.Context, v Values) error {
				said = strings.Join([]string{v.Get("what"), v.Get("how"), v.Seconds("mtime").Format("2006")}, " ")
				return nil
			}},
		"fail": {Args: true, Run: func(_ context.Context, v Values) error { return errors.New(strings.Join(v.Args(), "+")) }},
	}
	for _, tt := range []struct {
		args   []string
		status int
		want   string // of standard error
	}{
		{[]string{"say", "--what", "a", "--mtime", "0", "--how", "b"}, OK, ""},
		{nil, Usage, "x: error: got verb \"\", want one of: fail, say\nx: hint: run x -help\n"},
		{[]string{"sing"}, Usage, "got verb \"sing\""},
		{[]string{"-help"}, OK, "Usage: x VERB, each of which explains its flags with -help: fail, say\n"},
		{[]string{"say", "-help"}, OK, "the manner"},
		{[]string{"say", "--mtime", "0"}, Usage, "x say: error: --what is missing\nx say: hint: run x say -help\n"},
		{[]string{"say", "--what", "a", "--mtime", "-1"}, Usage, "x say: error: --mtime: got \"-1\", want whole seconds since 1970\n"},
		{[]string{"say", "--what", "a", "--mtime", "1", "b"}, Usage, "x say: error: got argument \"b\", want flags only\n"},
		{[]string{"fail", "a", "b"}, Failure, "x fail: error: a+b\n"},
	} {
		var b strings.Builder
		if got := RunVerb(t.Context(), "x", verbs, tt.args, &b); got != tt.status || !strings.Contains(b.String(), tt.want) {
			t.Errorf("%q: got status %d, %q, want %d, %q", tt.args, got, b.String(), tt.status, tt.want)
		}
	}
	if said != "a b 1970" {
		t.Errorf("got %q", said)
	}
}
