package pkgrepo

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"github.com/jasonwzm/release-builder/tools/internal/testing/buckettest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/packagetest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/pgptest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/readers"
	"github.com/jasonwzm/release-builder/tools/internal/testing/releasetest"
)

func writeRSA(tb testing.TB) string {
	name := filepath.Join(tb.TempDir(), "key")
	secret := pgptest.Secret(tb, pgptest.Args{Created: created, Algorithm: packet.PubKeyAlgoRSA})
	check(tb, os.WriteFile(name, []byte(secret), 0o600))
	return name
}

// TestApk publishes two releases.
func TestApk(t *testing.T) {
	buckettest.Each(t, func(t *testing.T, p buckettest.Place) {
		c := configOf(p, writeRSA(t))
		one, second := apkRepo.publishTwo(t, p, c, func() {})
		c.Channels[0].Back = true
		run(t, apkRepo.in(t, c, one))
		if err := apkRepo.in(t, Config{Config: c.Config}, nil).Verify(t.Context(), second, false); err == nil || !strings.Contains(err.Error(), "entry demo 1.10.0 x86_64\": got none") {
			t.Errorf("moved back: got %v", err)
		}
	})
}

// TestApkReaders reads an index with tar, gzip and openssl.
func TestApkReaders(t *testing.T) {
	readers.Find(t, "openssl")
	p := buckettest.Open(t, "file")
	run(t, apkRepo.in(t, configOf(p, writeRSA(t)), treeOf(t, releasetest.Args{}, apkRepo.of(packagetest.Package{Depends: []string{"other>=1.0", "!old"}}))))
	root := strings.TrimPrefix(p.URL, "file://")
	index := filepath.Join(root, "stable/x86_64/APKINDEX.tar.gz")
	dir := t.TempDir()
	out, err := exec.Command("tar", "-C", dir, "-xvzf", index).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	names := strings.Fields(string(out))
	keys, err := filepath.Glob(filepath.Join(root, "*.rsa.pub"))
	check(t, err)
	if len(keys) != 1 || len(names) != 3 || names[0] != ".SIGN.RSA."+filepath.Base(keys[0]) || names[1] != "DESCRIPTION" || names[2] != "APKINDEX" {
		t.Fatalf("got files %q and keys %q", names, keys)
	}
	data, err := os.ReadFile(index)
	check(t, err)
	body := data[bytes.LastIndex(data, []byte{0x1f, 0x8b, 8}):]
	check(t, os.WriteFile(filepath.Join(dir, "body"), body, 0o644))
	out, err = exec.Command("openssl", "dgst", "-sha1", "-verify", keys[0], "-signature", filepath.Join(dir, names[0]), filepath.Join(dir, "body")).CombinedOutput()
	if err != nil {
		t.Errorf("openssl: %v\n%s", err, out)
	}
	text, err := os.ReadFile(filepath.Join(dir, "APKINDEX"))
	check(t, err)
	for _, want := range []string{"C:Q1", "\nP:demo\nV:1.2.0\nA:x86_64\nS:", "\nT:A demo\n", "\nD:other>=1.0 !old\n"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("got\n%s\nwant %q", text, want)
		}
	}
}

func TestApkErrors(t *testing.T) {
	p := buckettest.Open(t, "file")
	_, err := buckettest.Run(t.Context(), apkRepo.in(t, configOf(p, writeRSA(t)), treeOf(t, releasetest.Args{}, apkRepo.of(packagetest.Package{Arch: "all"}))))
	if err == nil || !strings.Contains(err.Error(), "no package of the release names one") {
		t.Errorf("any architecture: got %v", err)
	}
	if _, err := NewApk(t.Context(), configOf(p, writeKey(t)), treeOf(t, releasetest.Args{})); err == nil || !strings.Contains(err.Error(), "it is not an RSA key") {
		t.Errorf("got %v, want an error before anything is written", err)
	}
}
