package environ

import (
	"strings"
	"testing"
)

func TestSaid(t *testing.T) {
	for _, tt := range []struct{ name, output, want string }{
		{"nothing", " \n", ""},
		{"a line", "\tno such file \n", "no such file"},
		{"lines", "go: a\r\n\n\tb imports\n\t\tc\n", "go: a\n        b imports\n            c"},
		{"one line too many is no shorter", strings.Repeat("a\n", mostLines+1), "a" + strings.Repeat("\n    a", mostLines)},
		{"many lines", strings.Repeat("a\n", mostLines+30), "a" + strings.Repeat("\n    a", mostLines-1) + "\n    … 30 more lines"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := Said(tt.output); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
