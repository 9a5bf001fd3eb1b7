package approve

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/jasonwzm/release-builder/tools/internal/base/cli"
	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/publish"
	"github.com/jasonwzm/release-builder/tools/internal/publish/approval"
	"github.com/jasonwzm/release-builder/tools/internal/publish/destinations"
	"github.com/jasonwzm/release-builder/tools/internal/testing/scripttest"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"approve": func() { cli.Main(Run) }})
}

// TestScript runs the scripts. "key NAME" makes a key, NAME.pem, and NAME.pub with what
// destinations.yaml has of it. "plan FILE [AGE]" writes a plan for the profile production.
func TestScript(t *testing.T) {
	scripttest.Run(t, testscript.Params{
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"key": key, "plan": plan},
		Setup: func(env *testscript.Env) error {
			env.Setenv("HOME", filepath.Join(env.WorkDir, "home"))
			env.Setenv("BUILD_WORKING_DIRECTORY", env.WorkDir)
			env.Setenv("RELEASE_LINE", "demo")
			env.Setenv("RELEASE_DESTINATIONS", filepath.Join(env.WorkDir, "destinations.yaml"))
			return nil
		},
	})
}

func key(ts *testscript.TestScript, _ bool, args []string) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	ts.Check(err)
	der, err := x509.MarshalPKCS8PrivateKey(private)
	ts.Check(err)
	public, err := x509.MarshalPKIXPublicKey(private.Public())
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]+".pem"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600))
	ts.Check(os.WriteFile(ts.MkAbs(args[0]+".pub"), []byte(args[0]+" cosign "+base64.StdEncoding.EncodeToString(public)), 0o600))
}

func plan(ts *testscript.TestScript, _ bool, args []string) {
	at := time.Now()
	if len(args) > 1 {
		age, err := time.ParseDuration(args[1])
		ts.Check(err)
		at = at.Add(-age)
	}
	p, err := destinations.All().Schema().Read(ts.MkAbs("destinations.yaml"), "production")
	ts.Check(err)
	item := publish.Item{Phase: publish.Reveal, Kind: "alias", Name: "gs://releases/latest", Digest: "1.0.0", State: publish.Behind, Found: "0.9.0"}
	r := approval.NewRequest("demo", p, &publish.Plan{
		Schema: publish.PlanSchema, Version: "1.0.0", Lock: digest.FromBytes(nil),
		Destinations: []publish.Planned{{Name: "bucket", Items: []publish.Item{item}}},
	}, at)
	ts.Check(r.Write(ts.MkAbs(args[0])))
}
