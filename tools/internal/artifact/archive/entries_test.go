package archive

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestModes: of the files of a source, those are executable that were.
func TestModes(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "out/x.files/bin/run.sh", "#!", 0o555)
	write(t, "out/x.files/bin/text", "text", 0o555)
	write(t, "out/x.files/binary", "#!", 0o555)
	write(t, "out/x.files.json", `{"executables": ["bin/run.sh", "binary"]}`, 0o644)
	write(t, "entries.json", `[
	  {"path": "b", "source": "out/x.files/bin", "modes": "out/x.files.json"},
	  {"path": "run", "source": "out/x.files/bin/run.sh", "modes": "out/x.files.json"},
	  {"path": "text", "source": "out/x.files/bin/text", "modes": "out/x.files.json"},
	  {"path": "plain", "source": "out/x.files/binary"}
	]`, 0o644)
	entries, err := ReadEntries("entries.json")
	if err != nil {
		t.Fatal(err)
	}
	items, err := plan(entries, "")
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]fs.FileMode{}
	for _, it := range items {
		got[it.name] = it.mode
	}
	for name, want := range map[string]fs.FileMode{"b": 0o755, "b/run.sh": 0o755, "b/text": 0o644, "run": 0o755, "text": 0o644, "plain": 0o644} {
		if got[name] != want {
			t.Errorf("mode of %s: got %o, want %o", name, got[name], want)
		}
	}

	for modes, want := range map[string]string{
		"out/x.files":      `modes of "out/x.files/bin": got file "out/x.files", want that of its directory`,
		"out/y.files.json": `modes of "out/x.files/bin": got file "out/y.files.json"`,
	} {
		write(t, "bad.json", `[{"path": "b", "source": "out/x.files/bin", "modes": "`+modes+`"}]`, 0o644)
		if _, err := ReadEntries("bad.json"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", modes, err, want)
		}
	}
	if err := os.Remove(filepath.Join("out", "x.files.json")); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadEntries("entries.json"); err == nil || !slices.Contains(strings.Fields(err.Error()), "no") {
		t.Errorf("without the file: got %v", err)
	}
}
