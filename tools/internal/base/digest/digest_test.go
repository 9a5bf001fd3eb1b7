package digest

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
)

// The examples of FIPS 180-2, appendix B.1, and of the empty message.
const (
	abc   = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
	empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
)

func TestParse(t *testing.T) {
	for _, tt := range []struct {
		name, in string
		ok       bool
	}{
		{"digest", "sha256:" + abc, true},
		{"all digits", "sha256:" + strings.Repeat("0123456789abcdef", 4), true},
		{"empty", "", false},
		{"no algorithm", abc, false},
		{"other algorithm", "sha512:" + abc, false},
		{"algorithm in capitals", "SHA256:" + abc, false},
		{"capitals", "sha256:" + strings.ToUpper(abc), false},
		{"no hexadecimal digit", "sha256:g" + abc[1:], false},
		{"no hexadecimal digit inside", "sha256:" + abc[:30] + "g" + abc[31:], false},
		{"short", "sha256:" + abc[1:], false},
		{"long", "sha256:" + abc + "0", false},
		{"space behind", "sha256:" + abc[1:] + " ", false},
		{"path", "sha256:" + strings.Repeat("../", 21) + "a", false},
		{"twice", "sha256:sha256:" + abc[7:], false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Parse(tt.in)
			if tt.ok {
				if err != nil || string(got) != tt.in {
					t.Errorf("got %q, %v, want %q", got, err, tt.in)
				}
				return
			}
			if want := "want sha256: and 64 lower-case hexadecimal digits"; err == nil || !strings.Contains(err.Error(), want) || got != "" {
				t.Errorf("got %q, %v, want no digest and %q", got, err, want)
			}
		})
	}
}

func TestSums(t *testing.T) {
	for _, tt := range []struct{ in, hex string }{{"", empty}, {"abc", abc}} {
		want := Digest("sha256:" + tt.hex)
		if got := FromBytes([]byte(tt.in)); got != want {
			t.Errorf("FromBytes(%q): got %s, want %s", tt.in, got, want)
		}
		got, n, err := FromReader(iotest.OneByteReader(strings.NewReader(tt.in)))
		if got != want || n != int64(len(tt.in)) || err != nil {
			t.Errorf("FromReader(%q): got %s, %d, %v, want %s, %d", tt.in, got, n, err, want, len(tt.in))
		}
		name := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(name, []byte(tt.in), 0o644); err != nil {
			t.Fatal(err)
		}
		got, n, err = FromFile(name)
		if got != want || n != int64(len(tt.in)) || err != nil {
			t.Errorf("FromFile(%q): got %s, %d, %v, want %s, %d", tt.in, got, n, err, want, len(tt.in))
		}
		if parsed, err := Parse(string(want)); parsed != want || err != nil {
			t.Errorf("Parse(%q): got %q, %v", want, parsed, err)
		}
	}
}

func TestErrors(t *testing.T) {
	broken := io.MultiReader(strings.NewReader("abc"), iotest.ErrReader(io.ErrUnexpectedEOF))
	if d, _, err := FromReader(broken); d != "" || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("FromReader of a broken reader: got %q, %v, want no digest and %v", d, err, io.ErrUnexpectedEOF)
	}
	missing := filepath.Join(t.TempDir(), "missing")
	if d, _, err := FromFile(missing); d != "" || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("FromFile of a missing file: got %q, %v, want no digest and %v", d, err, os.ErrNotExist)
	}
	folder := t.TempDir()
	if d, _, err := FromFile(folder); d != "" || err == nil || !strings.HasPrefix(err.Error(), `reading "`+folder+`": `) {
		t.Errorf("FromFile of a directory: got %q, %v, want no digest and an error that names the directory", d, err)
	}
}

func TestHex(t *testing.T) {
	d := FromBytes([]byte("abc"))
	if got := d.Hex(); got != abc {
		t.Errorf("Hex: got %q, want %q", got, abc)
	}
	if got := d.Short(); got != abc[:12] {
		t.Errorf("Short: got %q, want %q", got, abc[:12])
	}
	if got := Digest("").Short(); got != "" {
		t.Errorf("Short of no digest: got %q, want nothing", got)
	}
}
