package cli

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/jasonwzm/release-builder/tools/internal/base/hint"
)

func TestFail(t *testing.T) {
	disk := hint.With(errors.New("the disk is full"), "delete %d files", 3)
	for _, tt := range []struct {
		name string
		err  error
		want string
	}{
		{"plain", io.EOF, "x: error: EOF\n"},
		{"hint", disk, "x: error: the disk is full\nx: hint: delete 3 files\n"},
		{
			"control characters", hint.With(fmt.Errorf("opening \x1b[2Ja\x00\u202e\u009bb\xff\ufffd\té: it's\nlost"), "look\a"),
			"x: error: opening \\x1b[2Ja\\x00\\u202e\\u009bb\\xff\ufffd\\té: it's\n    lost\nx: hint: look\\a\n",
		},
		{"hint within", fmt.Errorf("writing %q: %w", "a", disk), "x: error: writing \"a\": the disk is full\nx: hint: delete 3 files\n"},
		{"hint on hint", hint.With(disk, "wait"), "x: error: the disk is full\nx: hint: wait\nx: hint: delete 3 files\n"},
		{"joined", errors.Join(io.EOF, io.ErrNoProgress), "x: error: EOF\nx: error: multiple Read calls return no data or error\n"},
		{"joined in joined", errors.Join(errors.Join(io.EOF), io.ErrShortWrite), "x: error: EOF\nx: error: short write\n"},
		{"hint on joined", hint.With(errors.Join(io.EOF, io.ErrShortWrite), "again"), "x: error: EOF\nx: error: short write\nx: hint: again\n"},
		{"one hint for all", errors.Join(disk, fmt.Errorf("b: %w", disk)), "x: error: the disk is full\nx: error: b: the disk is full\nx: hint: delete 3 files\n"},
		{
			"hints of all", errors.Join(disk, hint.With(io.EOF, "read less")),
			"x: error: the disk is full\nx: error: EOF\nx: hint: delete 3 files\nx: hint: read less\n",
		},
		{
			"joined within", fmt.Errorf("copying: %w", errors.Join(io.EOF, disk)),
			"x: error: copying: EOF\n    the disk is full\nx: hint: delete 3 files\n",
		},
		{
			"lines of a process", fmt.Errorf("running git: %w: a\n    b\n      c", io.EOF),
			"x: error: running git: EOF: a\n    b\n      c\n",
		},
		{
			"two wrapped in one text", fmt.Errorf("reading: %w; then closing: %w", io.EOF, disk),
			"x: error: reading: EOF; then closing: the disk is full\nx: hint: delete 3 files\n",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var b strings.Builder
			if code := Fail(&b, "x", tt.err); code != Failure {
				t.Errorf("exit status: got %d, want %d", code, Failure)
			}
			if b.String() != tt.want {
				t.Errorf("got\n%swant\n%s", b.String(), tt.want)
			}
		})
	}
}

func TestUsageError(t *testing.T) {
	var b strings.Builder
	if code := UsageError(&b, "x", "got %q, want nothing", "y"); code != Usage {
		t.Errorf("exit status: got %d, want %d", code, Usage)
	}
	if want := "x: error: got \"y\", want nothing\nx: hint: run x -help\n"; b.String() != want {
		t.Errorf("got %q, want %q", b.String(), want)
	}
}
