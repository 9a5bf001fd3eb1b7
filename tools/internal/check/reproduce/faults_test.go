package reproduce

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/release"
	"github.com/jasonwzm/release-builder/tools/internal/check/compare"
	"github.com/jasonwzm/release-builder/tools/internal/testing/readers"
)

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == EnterVerb {
		fmt.Fprintln(os.Stderr, Enter(os.Args[2:]))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// packers build a small release with the commands that Bazel's actions run.
type packers struct {
	tools  map[string]string // where each is
	source string
}

func (p packers) Build(ctx context.Context, w *World, out string) error {
	if _, err := Clone(ctx, p.source, w); err != nil {
		return err
	}
	for _, line := range []string{
		"mkdir -p out/images layers",
		"pack -format tar.gz -entries entries.json -prefix demo-1.0.0/ -mtime 1709208000 -out out/" + tarFile + " -sha256 out/" + tarFile + ".sha256",
		"pack -format zip -entries entries.json -prefix demo-1.0.0/ -mtime 1709208000 -out out/" + zipFile,
		"image layer --entries entries.json --mtime 1709208000 --out layers/demo.tar.gz --descriptor layers/demo.json",
		"image index --spec image.json --out out/images/demo",
		"assemble capture --out out/completions.txt -- " + filepath.Join(w.Dir, "complete.sh"),
		"assemble tree --entries tree.json --out release",
		"rm -r out",
		"mv release out",
	} {
		words := strings.Fields(line)
		cmd, err := w.Command(ctx, cmp.Or(p.tools[words[0]], words[0]), words[1:]...)
		if err != nil {
			return err
		}
		if said, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w: %s", words[:2], err, said)
		}
	}
	return copyRelease(filepath.Join(w.Dir, "out"), out)
}

// sources makes a git repository with what a release is packed from.
func sources(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	files := map[string]string{
		"entries.json": `[{"path": "bin/tool", "source": "tool", "mode": "0755"}, {"path": "share", "source": "share"}, {"path": "README.md", "content": "read me\n"}, {"path": "LICENSE", "source": "LICENSE"}]`,
		"image.json": `{"created": "2024-02-29T12:00:00Z", "ref": "1.0.0", "platforms": [{"os": "linux", "architecture": "amd64",
			"layers": [{"tar": "layers/demo.tar.gz", "descriptor": "layers/demo.json"}], "config": {"entrypoint": ["/bin/tool"]}}]}`,
		"tree.json":   `[{"path": "completions.txt", "source": "out/completions.txt"}, {"path": "` + tarFile + `", "source": "out/` + tarFile + `"}, {"path": "` + zipFile + `", "source": "out/` + zipFile + `"}, {"path": "images/demo", "source": "out/images/demo"}]`,
		"complete.sh": "#!/bin/sh\necho \"complete -W 'a b' tool\"\necho \"# by ${VENDOR:-nobody}\"\n",
		"LICENSE":     "do what you like\n",
		"tool":        strings.Repeat("a program of a size that keeps several CPUs busy 0123456789\n", 40000),
	}
	for i := range 12 {
		files[fmt.Sprintf("share/%c%d.txt", "aBcDeF"[i%6], i)] = strings.Repeat("text\n", i)
	}
	for name, text := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		mode := os.FileMode(0o644)
		if strings.HasSuffix(name, ".sh") {
			mode = 0o755
		}
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
	}
	commit(t, dir)
	return dir
}

// commit makes a directory a git repository with one commit more.
func commit(t *testing.T, dir string) {
	t.Helper()
	for _, args := range [][]string{{"init", "-q"}, {"add", "-A"}, {"-c", "user.name=x", "-c", "user.email=x@x.invalid", "commit", "-q", "-m", "x"}} {
		cmd := exec.Command("git", args...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %q: %v\n%s", args, err, out)
		}
	}
}

// scratch returns a directory in memory, where a directory lists its files by their
// creation, or else any.
func scratch(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "reproduce-test-")
	if err != nil {
		dir = t.TempDir()
	}
	t.Cleanup(func() {
		if err := removeAll(dir); err != nil {
			t.Error(err)
		}
	})
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// build builds a small release twice, with everything varied.
func build(t *testing.T, p packers) (*compare.Report, *Worlds, BisectArgs) {
	t.Helper()
	root := scratch(t)
	runner := &Runner{Root: root, Builder: p, Tick: 1100 * time.Millisecond, Linef: t.Logf}
	args := WorldsArgs{Root: root, Vary: All(), Environ: os.Environ()}
	w, err := NewWorlds(t.Context(), args)
	if err != nil {
		t.Fatal(err)
	}
	report, _, err := runner.Twice(t.Context(), w)
	if err != nil {
		t.Fatal(err)
	}
	var made []Variation
	for _, s := range w.Status {
		if s.Made {
			made = append(made, s.Name)
		}
	}
	return report, w, BisectArgs{Worlds: args, Made: made, First: release.Dir(runner.directory("first")), Files: lasting(report), Runner: runner}
}

// TestNoFault varies everything, and nothing reaches the release.
func TestNoFault(t *testing.T) {
	report, w, _ := build(t, packers{tools(t, nil, "", nil), sources(t)})
	for _, s := range w.Status {
		t.Log(s)
	}
	if len(report.Files) < 7 {
		t.Errorf("got %d files, want a whole release", len(report.Files))
	}
	if !report.Equal() {
		var b strings.Builder
		if err := report.WriteText(&b); err != nil {
			t.Fatal(err)
		}
		t.Errorf("the packers are not reproducible:\n%s", b.String())
	}
}

// TestFaults seeds leaks into the packers, one at a time: each is caught, and what
// is named is what was seeded.
func TestFaults(t *testing.T) {
	good, source := tools(t, nil, "", nil), sources(t)
	for _, s := range seeds() {
		t.Run(s.name, func(t *testing.T) {
			report, w, args := build(t, packers{tools(t, good, s.packer(), s.edits), source})
			readers.Require(t, "variation-"+string(s.blamed), s.blamed == Nothing || w.Made(s.blamed))
			if report.Equal() {
				t.Fatal("the releases are equal: the leak was not caught")
			}
			path := checkNamed(t, s, report)
			blamed, err := Bisect(t.Context(), args)
			if err != nil {
				t.Fatal(err)
			}
			if got := blamed[path]; len(got) != 1 || got[0] != s.blamed {
				t.Errorf("%s: got %q blamed, want %q", path, got, s.blamed)
			}
		})
	}
}

// checkNamed looks for the difference that the seed makes, and returns its file.
func checkNamed(t *testing.T, s seed, report *compare.Report) string {
	t.Helper()
	what, cause := regexp.MustCompile(s.what), regexp.MustCompile(s.cause)
	for _, f := range report.Files {
		if s.file != "" && f.Path != s.file {
			continue
		}
		for _, d := range f.Differences {
			if what.MatchString(d.What) && cause.MatchString(d.Cause) {
				t.Logf("%s: %s: %s: %q, %q: %s", f.Path, d.Member, d.What, d.Old, d.New, d.Cause)
				return f.Path
			}
		}
	}
	var b strings.Builder
	if err := report.WriteText(&b); err != nil {
		t.Fatal(err)
	}
	t.Errorf("no difference %q with cause %q in %q:\n%s", s.what, s.cause, s.file, b.String())
	return s.file
}
