// Package errtest checks what errors say.
package errtest

import (
	"regexp"
	"strings"
	"testing"
)

// Match checks that an error matches a regular expression. An empty one means no error.
func Match(t testing.TB, err error, want string) {
	t.Helper()
	switch {
	case want == "" && err != nil:
		t.Errorf("got error %q, want none", err)
	case want != "" && err == nil:
		t.Errorf("got no error, want %q", want)
	case want != "" && !regexp.MustCompile(want).MatchString(err.Error()):
		t.Errorf("got error %q, want %q", err, want)
	}
}

// Contain checks that an error has all of some texts.
func Contain(t testing.TB, err error, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("got error %v\nwant %q", err, part)
		}
	}
}
