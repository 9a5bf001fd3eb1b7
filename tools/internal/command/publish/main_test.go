package publish

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/hiddeco/sshsig"
	"github.com/rogpeppe/go-internal/testscript"
	"github.com/secure-systems-lab/go-securesystemslib/encrypted"
	"golang.org/x/crypto/ssh"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/release"
	"github.com/jasonwzm/release-builder/tools/internal/base/cli"
	"github.com/jasonwzm/release-builder/tools/internal/publish/approval"
	"github.com/jasonwzm/release-builder/tools/internal/publish/signing"
	"github.com/jasonwzm/release-builder/tools/internal/testing/releasetest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/scripttest"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"publish": func() { cli.Main(Run) }})
}

// TestScript runs the scripts, each with a state directory and a working directory of
// its own.
func TestScript(t *testing.T) {
	scripttest.Run(t, testscript.Params{
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"release": makeRelease, "mode": mode, "status": status, "notes": notes, "key": makeKey, "verified": verified,
			"approver": approver, "approve": approve,
		},
		Setup: func(env *testscript.Env) error {
			env.Setenv("HOME", filepath.Join(env.WorkDir, "home"))
			env.Setenv("XDG_STATE_HOME", filepath.Join(env.WorkDir, "state"))
			env.Setenv("BUILD_WORKING_DIRECTORY", env.WorkDir)
			env.Setenv("RELEASE_LINE", "demo")
			env.Values[tbKey{}] = env.T().(testing.TB)
			return nil
		},
	})
}

// makeRelease makes a release: "release FOLDER VERSION [dirty|other|NAME=URL@COMMIT…]".
func makeRelease(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: release directory version [dirty|other|name=url@commit…]")
	}
	variant, git := append(args[2:], "")[0], map[string]string{}
	for _, arg := range args[2:] {
		if name, at, ok := strings.Cut(arg, "="); ok {
			git[name], variant = at, ""
		}
	}
	dir := releasetest.Make(ts.Value(tbKey{}).(testing.TB), releasetest.Args{
		Version: args[1], Files: map[string]string{"demo-" + args[1] + ".tar.gz": "demo " + strings.TrimPrefix(variant, "dirty")},
		Images: []string{"app"}, Charts: []string{"web"}, Git: git, Dirty: variant == "dirty",
	})
	ts.Check(os.RemoveAll(ts.MkAbs(args[0])))
	ts.Check(os.Rename(dir, ts.MkAbs(args[0])))
}

// notes writes the notes of a GitHub release in a directory to a file: "notes RELEASE FILE".
func notes(ts *testscript.TestScript, _ bool, args []string) {
	var release struct{ Body string }
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[0])), &release))
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(release.Body), 0o600))
}

type tbKey struct{}

// mode checks a file's permissions: "mode 600 FILE…".
func mode(ts *testscript.TestScript, _ bool, args []string) {
	for _, name := range args[1:] {
		info, err := os.Stat(ts.MkAbs(name))
		ts.Check(err)
		if got := info.Mode().Perm().String(); !strings.HasSuffix(got, map[string]string{"600": "rw-------"}[args[0]]) {
			ts.Fatalf("%s: got mode %s, want %s", name, got, args[0])
		}
	}
}

// status runs publish and wants an exit status: "status 2 --stage --plan".
func status(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec("publish", args[1:]...)
	got := 0
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("got exit status %d, want %d", got, want)
	}
}

// makeKey makes a key as cosign does: "key FILE [PASSWORD]". The public one is FILE.pub, and
// the private one is in the variable KEY too.
func makeKey(ts *testscript.TestScript, _ bool, args []string) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	ts.Check(err)
	der, err := x509.MarshalPKCS8PrivateKey(private)
	ts.Check(err)
	kind := "PRIVATE KEY"
	if len(args) > 1 {
		kind = "ENCRYPTED SIGSTORE PRIVATE KEY"
		der, err = encrypted.Encrypt(der, []byte(args[1]))
		ts.Check(err)
	}
	public, err := x509.MarshalPKIXPublicKey(private.Public())
	ts.Check(err)
	content := pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
	ts.Setenv("KEY", string(content))
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), content, 0o600))
	ts.Check(os.WriteFile(ts.MkAbs(args[0]+".pub"), pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public}), 0o644))
}

// verified checks the signatures of a release with a public key: "verified FILE DIRECTORY".
func verified(ts *testscript.TestScript, _ bool, args []string) {
	public, err := signing.ReadPublicKey(ts.MkAbs(args[0]))
	ts.Check(err)
	tree, err := release.Open(context.Background(), release.Dir(ts.MkAbs(args[1])))
	ts.Check(err)
	ts.Check(signing.Check(context.Background(), tree, public))
}

// approver makes a key of SSH, and writes what destinations.yaml has of it to NAME.pub.
func approver(ts *testscript.TestScript, _ bool, args []string) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	ts.Check(err)
	key, err := ssh.NewPublicKey(public)
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]+".pub"), []byte(args[0]+" "+strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key)))), 0o600))
	ts.Check(os.WriteFile(ts.MkAbs(args[0]+".key"), private, 0o600))
}

// approve signs a plan: "approve NAME FILE".
func approve(ts *testscript.TestScript, _ bool, args []string) {
	name, file := args[0], ts.MkAbs(args[1])
	private, err := os.ReadFile(ts.MkAbs(name + ".key"))
	ts.Check(err)
	signer, err := ssh.NewSignerFromKey(ed25519.PrivateKey(private))
	ts.Check(err)
	r, err := approval.Read(file)
	ts.Check(err)
	sig, err := sshsig.Sign(bytes.NewReader(r.Statement()), signer, sshsig.HashSHA512, approval.Namespace)
	ts.Check(err)
	ts.Check(os.WriteFile(file+"."+name+".sig", sshsig.Armor(sig), 0o600))
}
