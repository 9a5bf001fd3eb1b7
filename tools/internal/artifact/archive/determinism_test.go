package archive

import (
	"context"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
)

// noise returns size bytes that compress to about half, the same for each seed: every
// other 64 bytes repeat earlier ones.
func noise(seed byte, size int) []byte {
	b := make([]byte, size)
	random := rand.NewChaCha8([32]byte{seed})
	random.Read(b)
	for at := 4096; at+64 <= size; at += 128 {
		from := at - 64 - int(b[at])*15
		copy(b[at:at+64], b[from:])
	}
	return b
}

// TestDeterminism builds one archive several times, each time with a change that must not
// affect the output.
func TestDeterminism(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"one", "two"} {
		big := noise(3, 3<<20+12345)
		write(t, filepath.Join(dir, name, "big"), string(big), 0o600)
		write(t, filepath.Join(dir, name, "edge"), string(big[:gzipBlockSize]), 0o644)
		write(t, filepath.Join(dir, name, "small"), string(big[:700]), 0o755)
		write(t, filepath.Join(dir, name, "tree/a"), string(big[:70000]), 0o644)
		write(t, filepath.Join(dir, name, "tree/b/c"), "c", 0o644)
	}
	in := func(base string) []Entry {
		return []Entry{
			{Path: "bin/big", Source: filepath.Join(base, "big"), Mode: 0o755},
			{Path: "bin/edge", Source: filepath.Join(base, "edge")},
			{Path: "bin/small", Source: filepath.Join(base, "small")},
			{Path: "tree", Source: filepath.Join(base, "tree")},
			{Path: "x", Content: []byte("x")},
			{Path: "y", Symlink: "x"},
		}
	}
	for _, f := range archives {
		t.Run(string(f), func(t *testing.T) {
			out := filepath.Join(dir, "out."+string(f))
			var want digest.Digest
			check := func(what string, entries []Entry) {
				t.Helper()
				got, err := WriteFile(context.Background(), WriteFileArgs{Name: out, Format: f, Entries: entries, Options: options})
				if err != nil {
					t.Fatalf("%s: %v", what, err)
				}
				if want == "" {
					want = got.Digest
				}
				if got.Digest != want {
					t.Errorf("%s: got %s, want %s", what, got.Digest, want)
				}
			}
			from := 0
			if f == TarXz {
				from = 2 // xz takes seconds for the large files
			}
			first := in(filepath.Join(dir, "one"))[from:]
			check("first", first)
			check("again", first)
			check("other directory, other file times", in(filepath.Join(dir, "two"))[from:])
			for range 5 {
				shuffled := append([]Entry(nil), first...)
				rand.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
				check("shuffled", shuffled)
			}
			for _, n := range []int{1, 2, 8, 64} {
				old := runtime.GOMAXPROCS(n)
				check("GOMAXPROCS", first)
				runtime.GOMAXPROCS(old)
			}
			local := time.Local
			time.Local = time.FixedZone("far east", 14*3600)
			check("time zone", first)
			time.Local = local
			for _, mask := range []int{0, 0o077} {
				restore := setUmask(mask)
				check("umask", first)
				restore()
			}
			t.Chdir(dir)
			check("working directory", in("one")[from:])
		})
	}
}

// TestMemory packs a file that is larger than the memory limit, with many CPUs.
func TestMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("writes 2 x 300 MiB of zeros")
	}
	const limit = 256 << 20
	name := filepath.Join(t.TempDir(), "sparse")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Truncate(300 << 20); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(64))
	for _, format := range archives {
		err := format.Write(writerFunc(func(p []byte) (int, error) { return len(p), nil }), []Entry{{Path: "zeros", Source: name}}, options)
		if err != nil {
			t.Fatal(err)
		}
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		// Sys is all address space taken from the system so far: it never shrinks.
		if m.Sys > limit {
			t.Errorf("%s: got %d MiB of memory, want at most %d MiB", format, m.Sys>>20, limit>>20)
		}
		t.Logf("%s: %d MiB", format, m.Sys>>20)
	}
}
