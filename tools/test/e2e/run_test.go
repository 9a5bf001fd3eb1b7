package e2e_test

import (
	"bytes"
	"debug/buildinfo"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
	"github.com/jasonwzm/release-builder/tools/internal/testing/readers"
)

// hostPlatform returns the release's name for the platform of the test.
func hostPlatform() string {
	os := map[string]string{"darwin": "osx", "windows": "win"}[runtime.GOOS]
	if os == "" {
		os = runtime.GOOS
	}
	return os + "-" + runtime.GOARCH
}

// unpack unpacks an archive of the release with the system's tar or unzip.
func unpack(t *testing.T, name string) string {
	t.Helper()
	to := t.TempDir()
	file := filepath.Join(dir(t), name)
	args := []string{"tar", "-xzf", file, "-C", to}
	if strings.HasSuffix(name, ".zip") {
		return unzip(t, file, to)
	}
	if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", args, err, out)
	}
	return to
}

func run(t *testing.T, stdin []byte, name string, args ...string) []byte {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd := exec.Command(name, args...)
	cmd.Env = []string{"HOME=" + t.TempDir()}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(stdin), &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s %v: %v\n%s", filepath.Base(name), args, err, stderr.String())
	}
	return stdout.Bytes()
}

func TestAgeEncryptsAndDecrypts(t *testing.T) {
	l := readLock(t)
	root := unpack(t, "toolbox-"+l.Version+"-"+hostPlatform()+".tar.gz")
	bin := filepath.Join(root, "toolbox-"+l.Version, "bin")
	age := filepath.Join(bin, "age")
	key := filepath.Join(t.TempDir(), "key.txt")
	run(t, nil, filepath.Join(bin, "age-keygen"), "-o", key)
	recipient := strings.TrimSpace(string(run(t, nil, filepath.Join(bin, "age-keygen"), "-y", key)))
	secret := bytes.Repeat([]byte("a release that nobody else reads\n"), 10_000)
	sealed := run(t, secret, age, "-r", recipient)
	if bytes.Contains(sealed, []byte("nobody else reads")) {
		t.Error("age did not encrypt")
	}
	if got := run(t, sealed, age, "-d", "-i", key); !bytes.Equal(got, secret) {
		t.Errorf("age -d gave %d bytes, want the %d encrypted", len(got), len(secret))
	}
	want := version(t, l, "age")
	if got := strings.TrimSpace(string(run(t, nil, age, "--version"))); got != want {
		t.Errorf("age --version: got %q, want %q", got, want)
	}
}

func TestSingleArchives(t *testing.T) {
	l := readLock(t)
	for _, cli := range []string{"age", "age-keygen", "crane"} {
		root := unpack(t, cli+"-"+l.Version+"-"+hostPlatform()+".tar.gz")
		args := []string{"--version"}
		want := version(t, l, "age")
		if cli == "crane" {
			args, want = []string{"version"}, version(t, l, "crane")
		}
		if got := string(run(t, nil, filepath.Join(root, cli), args...)); !strings.HasPrefix(got, want) {
			t.Errorf("%s %v: got %q, want %q", cli, args, got, want)
		}
	}
}

// TestCompletions checks the completions with their shells.
func TestCompletions(t *testing.T) {
	l := readLock(t)
	root := filepath.Join(unpack(t, "toolbox-"+l.Version+"-"+hostPlatform()+".tar.gz"), "toolbox-"+l.Version, "completions")
	for shell, file := range map[string]string{"bash": "crane.bash", "zsh": "_crane"} {
		data, err := os.ReadFile(filepath.Join(root, file))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Contains(data, []byte(shell+" completion")) {
			t.Errorf("%s does not say that it is for %s", file, shell)
		}
		if tool, ok := readers.Look(t, shell); ok {
			run(t, nil, tool, "-n", filepath.Join(root, file))
		}
	}
}

// TestBuildInformation reads every program for every platform.
func TestBuildInformation(t *testing.T) {
	l := readLock(t)
	programs := 0
	for _, name := range archives(t) {
		if !strings.HasPrefix(name, "toolbox-") {
			continue
		}
		bin := filepath.Join(unpack(t, name), "toolbox-"+l.Version, "bin")
		entries, err := os.ReadDir(bin)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			programs++
			t.Run(name+"/"+e.Name(), func(t *testing.T) { checkBuildInfo(t, l, filepath.Join(bin, e.Name())) })
		}
	}
	if want := 3 * len(l.Platforms); programs != want {
		t.Errorf("got %d programs, want %d", programs, want)
	}
}

// checkBuildInfo compares the build information of a program with the lock.
func checkBuildInfo(t *testing.T, l *lock.Lock, name string) {
	info, err := buildinfo.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	source := "age"
	if strings.HasPrefix(filepath.Base(name), "crane") {
		source = "crane"
	}
	pin, _ := l.Find(source)
	if want := pin.Module.Path + "/cmd/" + strings.TrimSuffix(filepath.Base(name), ".exe"); info.Path != want {
		t.Errorf("path: got %q, want %q", info.Path, want)
	}
	if m := info.Main; m.Path != pin.Module.Path || m.Version != pin.Module.Version {
		t.Errorf("mod: got %s %s, want %s %s", m.Path, m.Version, pin.Module.Path, pin.Module.Version)
	}
	if info.GoVersion != "go"+l.Toolchain.Go.Version {
		t.Errorf("go: got %q, want %q", info.GoVersion, l.Toolchain.Go.Version)
	}
	sums := map[string]string{}
	for _, m := range pin.GoModules {
		sums[m.Path+"@"+m.Version] = m.Sum
	}
	if len(info.Deps) == 0 {
		t.Error("no dependency listed")
	}
	for _, d := range info.Deps {
		if d.Sum == "" || sums[d.Path+"@"+d.Version] != d.Sum {
			t.Errorf("dep %s %s: got sum %q, the lock has %q", d.Path, d.Version, d.Sum, sums[d.Path+"@"+d.Version])
		}
	}
	for _, s := range info.Settings {
		if s.Key == "CGO_ENABLED" && s.Value != "0" {
			t.Errorf("CGO_ENABLED: got %s, want 0", s.Value)
		}
	}
}

func readLock(t *testing.T) *lock.Lock {
	t.Helper()
	l, err := lock.Read(filepath.Join(dir(t), "lock.json"))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func version(t *testing.T, l *lock.Lock, name string) string {
	t.Helper()
	d, ok := l.Find(name)
	if !ok {
		t.Fatalf("the lock has no dependency %q", name)
	}
	return d.Module.Version
}
