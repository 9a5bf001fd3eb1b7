package execlog

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
)

// The helpers below write messages as spawn.proto describes them; tools/test/remote reads
// Bazel's own.

func text(number protowire.Number, s string) string {
	return string(protowire.AppendString(protowire.AppendTag(nil, number, protowire.BytesType), s))
}

func number(field protowire.Number, v uint64) string {
	return string(protowire.AppendVarint(protowire.AppendTag(nil, field, protowire.VarintType), v))
}

// message is a File, with the hash in its digest.
func message(path, hash string) string {
	return text(1, path) + text(2, text(1, hash)+number(2, 7)) + number(3, 1)
}

func encode(all ...string) []byte {
	var b []byte
	for _, m := range all {
		b = protowire.AppendString(b, m)
	}
	return b
}

// build writes the log of a build: a compiler makes a.o from a.c, a linker makes app and a
// directory from a.o, a packer makes app.tar from those.
func build(t testing.TB, runner, object, app, inDir, tar string) string {
	spawn := func(label, mnemonic string, files ...string) string {
		return text(1, "bin/tool") + text(1, "--out=/tmp/x") + text(2, text(1, "PATH")+text(2, "/bin")) + strings.Join(files, "") +
			number(8, 60) + text(10, mnemonic) + text(12, runner) + number(13, 1) + text(18, label)
	}
	name := filepath.Join(t.TempDir(), "log")
	data := encode(
		spawn("//:lib", "Compile", text(4, message("a.c", "c")), text(11, message("out/a.o", object))),
		spawn("//:app", "Link", text(4, message("out/a.o", object)), text(11, message("out/app", app)), text(11, message("out/dir/f", inDir))),
		spawn("//:tar", "Pack", text(4, message("out/app", app)), text(4, message("out/dir/f", inDir)), text(11, message("out/app.tar", tar))),
	)
	if err := os.WriteFile(name, data, 0o644); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestCompare(t *testing.T) {
	for _, tt := range []struct {
		name                    string
		object, app, inDir, tar string
		want                    []string
	}{
		{"equal", "o", "a", "d", "t", nil},
		{"the last", "o", "a", "d", "T", []string{"//:tar Pack out/app.tar"}},
		{"what follows is not named", "o", "A", "d", "T", []string{"//:app Link out/app"}},
		{"a file in a directory", "o", "a", "D", "T", []string{"//:app Link out/dir/f"}},
		{"the first", "O", "A", "D", "T", []string{"//:lib Compile out/a.o"}},
		{"two by themselves", "O", "a", "d", "T", []string{"//:lib Compile out/a.o", "//:tar Pack out/app.tar"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			found, actions, err := Compare(build(t, "linux-sandbox", "o", "a", "d", "t"), build(t, "remote", tt.object, tt.app, tt.inDir, tt.tar))
			if err != nil || actions != 3 {
				t.Fatalf("got %d actions, %v, want 3", actions, err)
			}
			var got []string
			for _, d := range found {
				got = append(got, d.Label+" "+d.Mnemonic+" "+d.Output)
				if d.First != "linux-sandbox" || d.Second != "remote" {
					t.Errorf("got %+v", d)
				}
			}
			if !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestReadNeeds(t *testing.T) {
	got, err := ReadNeeds(build(t, "remote", "o", "a", "d", "t"), func(s string) bool { return strings.Contains(s, "=/") || s == "a.c" })
	if err != nil || len(got) != 3 || !reflect.DeepEqual(got[0], Needs{"Compile", []string{"PATH"}, []string{"--out=/tmp/x", "PATH=/bin", "a.c"}}) {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestBroken(t *testing.T) {
	whole, err := os.ReadFile(build(t, "remote", "o", "a", "d", "t"))
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{
		"cut":                  whole[:len(whole)-9],
		"a length without end": {0xff},
		"a cut message":        encode("\x0a\x7f"),
		"too large":            protowire.AppendVarint(nil, maxSpawn+1),
	} {
		if err := read(bytes.NewReader(data), func(*spawn) {}); err == nil {
			t.Errorf("%s: got no error", name)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(text(1, "bin/tool") + text(4, message("a", "b")) + text(11, message("c", "d"))))
	f.Fuzz(func(t *testing.T, m []byte) {
		n := 0
		err := read(bytes.NewReader(append(encode(string(m)), encode(string(m))...)), func(*spawn) { n++ })
		if (err == nil) != (n == 2) {
			t.Errorf("got %d actions, %v", n, err)
		}
	})
}
