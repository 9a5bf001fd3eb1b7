package publish

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jasonwzm/release-builder/tools/internal/testing/readers"
	"github.com/jasonwzm/release-builder/tools/internal/testing/releasetest"
)

// disks is the number of sizes of a disk that is too small.
const disks = 24

// TestFullDisk publishes to a disk that is full after some of the writes. The error says so.
// With more space, the next run leads to what there is on a disk that was large enough.
func TestFullDisk(t *testing.T) {
	unshare := readers.Find(t, "unshare")
	probe := exec.CommandContext(t.Context(), unshare, "--map-root-user", "--mount", "mount", "-t", "tmpfs", "tmpfs", t.TempDir())
	readers.Require(t, "tmpfs", probe.Run() == nil)
	home := t.TempDir()
	disk := filepath.Join(home, "disk")
	if err := os.Mkdir(disk, 0o755); err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf(`
test:
  buckets: [{url: "file://%[1]s/bucket", aliases: [latest]}]
  registries: [{hub: "file://%[1]s/registry", tags: ["{version}", latest]}]
  charts: [{bucket: "file://%[1]s/charts"}]
  github: {dir: "%[1]s/github"}
`, disk)
	if err := os.WriteFile(filepath.Join(home, "destinations.yaml"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	release := releasetest.Make(t, releasetest.Args{
		Files: map[string]string{"demo-1.2.0.tar.gz": strings.Repeat("archive", 5000)}, Images: []string{"app"}, Charts: []string{"web"}, LayerSize: 5000,
	})
	// run publishes on a disk of a size in KiB, for so many files and directories, and then on
	// a larger one. It returns what is there then, and what the first run said.
	run := func(size, files int) (listing, said string) {
		script := `
mount -t tmpfs -o size="$SIZE"k,nr_inodes="$FILES" tmpfs "$DISK"
publish --release "$RELEASE" --destinations "$FILE:test" --state "$DISK/state" >&2
echo "exit status $?" >&2
mount -o remount,size=64m,nr_inodes=10000 "$DISK"
publish --release "$RELEASE" --destinations "$FILE:test" --state "$DISK/state" >/dev/null || exit
cd "$DISK" && find . -type f ! -path './state/*' ! -name .publish.lock | sort | xargs sha256sum
`
		cmd := exec.CommandContext(t.Context(), unshare, "--map-root-user", "--mount", "sh", "-c", script)
		cmd.Env = append(os.Environ(), "HOME="+home, "RELEASE_LINE=demo", "DISK="+disk, "RELEASE="+release, "FILE="+filepath.Join(home, "destinations.yaml"), fmt.Sprint("SIZE=", size), fmt.Sprint("FILES=", files))
		var stderr strings.Builder
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		if err != nil {
			t.Errorf("%d KiB, %d files: %v\n%s", size, files, err, stderr.String())
		}
		return string(out), stderr.String()
	}
	const enough = 4096 // of both
	want, said := run(enough, enough)
	if !strings.Contains(said, "exit status 0") || !strings.Contains(want, "SHA256SUMS") {
		t.Fatalf("on a disk that is large enough: got\n%s%s", said, want)
	}
	full, early := 0, 0
	for n := range disks {
		// Every other one has the space, but no room for more files: nobody can tell that
		// beforehand.
		size, files := 4+n*16, enough
		if n%2 == 1 {
			size, files = enough, 4+n*4
		}
		listing, said := run(size, files)
		if listing != want {
			t.Errorf("%d KiB, %d files: got\n%s\nwant\n%s", size, files, listing, want)
		}
		if strings.Contains(said, "exit status 0") {
			continue
		}
		full++
		if strings.Contains(said, "bytes of free space, want") {
			early++
		} else if !strings.Contains(said, "no space left on device") {
			t.Errorf("%d KiB, %d files: got\n%s\nwant an error about the disk", size, files, said)
		}
	}
	if full < disks/2 {
		t.Errorf("got %d disks that were too small, want more", full)
	}
	if early == 0 || early == full {
		t.Errorf("got %d of %d told before the first write, want some", early, full)
	}
	t.Logf("%d disks, %d of them too small, %d of these told before the first write", disks, full, early)
}
