//go:build unix

package publish

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/deb"
	"github.com/jasonwzm/release-builder/tools/internal/artifact/openpgp"
	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/buckettest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/packagetest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/pgptest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/releasetest"
)

// kills is the number of times that TestKilledRepositories kills the publisher in each kind
// of bucket: 60 in all.
const kills = 20

// TestKilledRepositories publishes one release after another to an apt and a yum repository,
// and kills the publisher with SIGKILL at each of its writes in turn. Readers read both all
// the time, strictly: signature, index, every package. They see whole states only.
func TestKilledRepositories(t *testing.T) {
	buckettest.Each(t, func(t *testing.T, p buckettest.Place) {
		w := newWorld(t, p)
		w.publish(w.release(0), -1)
		ctx, stop := context.WithCancel(t.Context())
		var group sync.WaitGroup
		reads := map[string]*atomic.Int64{"apt": {}, "yum": {}}
		for kind, read := range map[string]func() error{"apt": w.readApt, "yum": w.readYum} {
			group.Go(func() {
				for ctx.Err() == nil {
					if err := read(); err != nil {
						t.Errorf("%s: broken read: %v", kind, err)
						return
					}
					reads[kind].Add(1)
				}
			})
		}
		killed := 0
		for n := 1; killed < kills && !t.Failed(); n++ {
			dir := w.release(n)
			for at := 0; killed < kills && w.publish(dir, at); at += 1 + rand.IntN(2) {
				killed++
			}
			w.publish(dir, -1)
		}
		stop()
		group.Wait()
		t.Logf("%d kills, %d reads of apt and %d of yum", killed, reads["apt"].Load(), reads["yum"].Load())
		if reads["apt"].Load() == 0 || reads["yum"].Load() == 0 {
			t.Error("a reader did not read")
		}
	})
}

// world is a bucket, and what publishes to it.
type world struct {
	t    *testing.T
	home string
	base string // URL of the bucket's prefix for readers
	env  []string
	ring openpgp.Keyring
	// writes counts the writes of a run; the run is killed at number kill.
	mu           sync.Mutex
	writes, kill int
	process      *os.Process
	place        buckettest.Place
}

func newWorld(t *testing.T, p buckettest.Place) *world {
	w := &world{t: t, home: t.TempDir(), place: p}
	secret := pgptest.Secret(t, pgptest.Args{Created: time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)})
	var err error
	if w.ring, err = openpgp.ParseKeyring([]byte(pgptest.Public(t, secret))); err != nil {
		t.Fatal(err)
	}
	url, endpoint := p.URL, ""
	w.env = append(os.Environ(), "HOME="+w.home, "RELEASE_LINE=demo", "PACKAGE_KEY="+secret)
	switch p.Name {
	case "s3":
		endpoint = fmt.Sprintf(", endpoint: %q", p.Endpoint)
	case "gcs":
		w.env = append(w.env, "STORAGE_EMULATOR_HOST="+p.Endpoint)
	}
	if w.base = p.Endpoint + "/" + buckettest.Bucket + "/all/demo"; p.Endpoint == "" {
		server := httptest.NewServer(http.FileServer(http.Dir(strings.TrimPrefix(p.URL, "file://"))))
		t.Cleanup(server.Close)
		w.base = server.URL
	} else {
		p.Before(func(*http.Request) { w.wrote() })
	}
	file := filepath.Join(w.home, "destinations.yaml")
	err = os.WriteFile(file, []byte(fmt.Sprintf(`
test:
  apt: [{bucket: "%[1]s/apt"%[2]s, suites: [stable], key: "env://PACKAGE_KEY"}]
  yum: [{bucket: "%[1]s/yum"%[2]s, channels: [stable], key: "env://PACKAGE_KEY", url: "%[3]s/yum"}]
`, url, endpoint, w.base)), 0o644)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// release makes release number n.
func (w *world) release(n int) string {
	version := fmt.Sprintf("1.%d.0", n)
	return packagetest.Release(w.t, releasetest.Args{Version: version, Time: packagetest.Later(n)},
		packagetest.Package{Format: "deb"}, packagetest.Package{Format: "deb", Arch: "arm64"}, packagetest.Package{Format: "rpm"}, packagetest.Package{Format: "rpm", Arch: "arm64"})
}

// wrote kills the publisher if it is time to. The write takes place.
func (w *world) wrote() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.writes++; w.kill >= 0 && w.writes > w.kill && w.process != nil {
		_ = w.process.Kill() // it may have ended
	}
}

// publish publishes a release, and kills the run at its write number at; never if that is
// negative. It reports whether it was killed.
func (w *world) publish(dir string, at int) (killed bool) {
	cmd := exec.Command("publish", "--release", dir, "--destinations", filepath.Join(w.home, "destinations.yaml")+":test", "--state", filepath.Join(w.home, "state"))
	cmd.Env = w.env
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	w.mu.Lock()
	err := cmd.Start()
	w.writes, w.kill, w.process = 0, at, cmd.Process
	w.mu.Unlock()
	if err != nil {
		w.t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	if at >= 0 && w.place.Endpoint == "" {
		// A directory has no requests to count: kill at a random time.
		select {
		case err = <-done:
			done <- err
		case <-time.After(time.Duration(20+rand.IntN(150)) * time.Millisecond):
			_ = cmd.Process.Kill() // it may have ended
		}
	}
	err = <-done
	w.mu.Lock()
	w.process = nil
	w.mu.Unlock()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return false
	case errors.As(err, &exit) && !exit.Exited() && at >= 0:
		return true
	}
	w.t.Fatalf("publish: %v\n%s", err, stderr.String())
	return false
}

// get returns the content at a path of the bucket's prefix.
func (w *world) get(name string) ([]byte, error) {
	r, err := http.Get(w.base + "/" + name)
	if err != nil {
		return nil, err
	}
	defer r.Body.Close()
	data, err := io.ReadAll(r.Body)
	if err == nil && r.StatusCode != http.StatusOK {
		err = errors.New(r.Status)
	}
	if err != nil {
		err = fmt.Errorf("%s: %w", name, err)
	}
	return data, err
}

// sum returns the content at a path, which must have a digest.
func (w *world) sum(name, want string) ([]byte, error) {
	data, err := w.get(name)
	if got := digest.FromBytes(data).Hex(); err == nil && got != want {
		err = fmt.Errorf("%s: got %s, want %s", name, got, want)
	}
	return data, err
}

// readApt reads the suite as apt does, and all packages. Every architecture has to have the
// same versions.
func (w *world) readApt() error {
	data, err := w.get("apt/dists/stable/InRelease")
	if err != nil {
		return err
	}
	text, _, err := w.ring.VerifyText(data, time.Now())
	if err != nil {
		return err
	}
	release, err := deb.Parse(text)
	if err != nil {
		return err
	}
	versions := map[string]string{}
	for _, line := range strings.Split(release[0].Get("SHA256"), "\n")[1:] {
		f := strings.Fields(line)
		list := strings.TrimSuffix(strings.TrimSuffix(f[2], ".gz"), "/Packages")
		data, err := w.sum("apt/dists/stable/"+list+"/by-hash/SHA256/"+f[0], f[0])
		if err != nil {
			return err
		}
		if strings.HasSuffix(f[2], ".gz") {
			continue
		}
		packages, err := deb.Parse(data)
		if err != nil {
			return err
		}
		for _, p := range packages {
			versions[list] += p.Get("Version") + " "
			if _, err := w.sum("apt/"+p.Get("Filename"), p.Get("SHA256")); err != nil {
				return err
			}
		}
	}
	if one, other := versions["main/binary-amd64"], versions["main/binary-arm64"]; one != other || one == "" {
		return fmt.Errorf("got versions %q and %q, want the same", one, other)
	}
	return nil
}

var (
	location = regexp.MustCompile(`<location href="([^"]+)"`)
	pkgid    = regexp.MustCompile(`pkgid="YES">([0-9a-f]+)<`)
	checksum = regexp.MustCompile(`(?s)<checksum type="sha256">([0-9a-f]+)</checksum>.*?<location href="([^"]+)"`)
)

// readYum reads the channel as dnf does, and all packages.
func (w *world) readYum() error {
	data, err := w.get("yum/stable/mirrorlist")
	if err != nil {
		return err
	}
	dir, ok := strings.CutPrefix(strings.TrimSpace(string(data)), w.base+"/")
	if !ok {
		return fmt.Errorf("got mirror %q", data)
	}
	md, err := w.get(dir + "repodata/repomd.xml")
	if err != nil {
		return err
	}
	signature, err := w.get(dir + "repodata/repomd.xml.asc")
	if err != nil {
		return err
	}
	if _, err := w.ring.Verify(md, signature, time.Now()); err != nil {
		return err
	}
	for n, m := range checksum.FindAllStringSubmatch(string(md), -1) {
		packed, err := w.sum(dir+m[2], m[1])
		if err != nil {
			return err
		}
		z, err := gzip.NewReader(bytes.NewReader(packed))
		if err != nil {
			return err
		}
		list, err := io.ReadAll(z)
		if err != nil || n > 0 {
			return err
		}
		files, ids := location.FindAllStringSubmatch(string(list), -1), pkgid.FindAllStringSubmatch(string(list), -1)
		if len(files) != len(ids) || len(files) == 0 || len(files)%2 != 0 {
			return fmt.Errorf("got %d packages and %d digests, want as many of each architecture", len(files), len(ids))
		}
		for n := range files {
			if _, err := w.sum(path.Join(dir, files[n][1]), ids[n][1]); err != nil {
				return err
			}
		}
	}
	return nil
}

// TestPromotedRepositories promotes packages: the stage's receipt needs no key, and the
// service copies the packages.
func TestPromotedRepositories(t *testing.T) {
	p := buckettest.Open(t, "gs")
	w := newWorld(t, p)
	file := filepath.Join(w.home, "destinations.yaml")
	err := os.WriteFile(file, []byte(fmt.Sprintf(`
stage:
  buckets: [{url: gs://releases/stage}]
  apt: [{bucket: gs://releases/stage-apt, suites: [stable], key: "env://PACKAGE_KEY"}]
  yum: [{bucket: gs://releases/stage-yum, channels: [stable], key: "env://PACKAGE_KEY"}]
production:
  buckets: [{url: gs://releases/all/demo/files}]
  apt: [{bucket: gs://releases/all/demo/apt, suites: [stable], key: "env://PACKAGE_KEY"}]
  yum: [{bucket: gs://releases/all/demo/yum, channels: [stable], key: "env://PACKAGE_KEY", url: "%s/yum"}]
`, w.base)), 0o644)
	if err != nil {
		t.Fatal(err)
	}
	run := func(args ...string) string {
		cmd := exec.Command("publish", append(args, "--state", filepath.Join(w.home, "state"))...)
		cmd.Env = w.env
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("publish %q: %v\n%s", args, err, out)
		}
		return string(out)
	}
	run("--release", w.release(1), "--destinations", file+":stage")
	p.Reset()
	out := run("--promote", "1.1.0", "--destinations", file+":production")
	if strings.Contains(out, "PRIVATE KEY") {
		t.Errorf("got a secret in\n%s", out)
	}
	copied := 0
	for _, request := range p.Writes() {
		if strings.Contains(request, ".deb") && !strings.Contains(request, "/rewriteTo/") && !strings.Contains(request, "/copyTo/") {
			t.Errorf("got %s, want a copy by the service", request)
		} else if strings.Contains(request, ".deb") {
			copied++
		}
	}
	if copied == 0 {
		t.Errorf("got requests %q, want copies", p.Writes())
	}
	for _, key := range p.Keys() {
		if strings.HasSuffix(key, "receipt.json") && strings.Contains(p.Content(key), "PACKAGE_KEY") {
			t.Errorf("%s names the key", key)
		}
	}
	if err := errors.Join(w.readApt(), w.readYum()); err != nil {
		t.Error(err)
	}
}

// TestPackageFlags publishes to a repository that flags name.
func TestPackageFlags(t *testing.T) {
	p := buckettest.Open(t, "file")
	w := newWorld(t, p)
	run := func(args ...string) string {
		cmd := exec.Command("publish", append([]string{"--release", w.release(1), "--state", filepath.Join(w.home, "state"), "--aptbucket", p.URL + "/apt"}, args...)...)
		cmd.Env = w.env
		out, _ := cmd.CombinedOutput() // the output has the error
		return string(out)
	}
	for want, args := range map[string][]string{
		"--aptbucket, --yumbucket or --apkbucket without --packagekey": nil,
		"the environment variable NONE is not set":                     {"--packagekey", "env://NONE"},
		"no such file": {"--packagekey", filepath.Join(w.home, "none")},
	} {
		if out := run(args...); !strings.Contains(out, want) || len(p.Keys()) > 0 {
			t.Errorf("%q: got %q and %d objects, want %q and none", args, out, len(p.Keys()), want)
		}
	}
	out := run("--packagekey", "env://PACKAGE_KEY")
	if err := w.readApt(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
