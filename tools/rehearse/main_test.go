package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/jasonwzm/release-builder/tools/internal/base/cli"
	"github.com/jasonwzm/release-builder/tools/internal/testing/faulttest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/gittest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/packagetest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/releasetest"
)

func TestMain(m *testing.M) {
	if text := os.Getenv(child); text != "" {
		os.Exit(publishChild(context.Background(), text, os.Stderr))
	}
	os.Exit(m.Run())
}

// production is a profile with each kind of service, none of which is on this machine.
const production = `
production:
  sign: env://NO_SUCH_KEY
  aliases: {latest: newest}
  approval:
    keys: ["alice ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"]
    required: 1
  buckets:
    - {url: gs://mine/demo, aliases: [latest]}
    - {url: s3://mine/demo, aliases: [latest]}
    - {url: file:///no/such/place}
  registries: [{hub: registry.example.com/me, tags: ["{version}", latest]}]
  charts: [{bucket: gs://mine/charts}, {hub: registry.example.com/charts}]
  apt: [{bucket: gs://mine/apt, suites: [stable], key: "env://NO_SUCH_KEY"}]
  yum: [{bucket: s3://mine/yum, channels: [stable], key: /no/such/key}]
  tags: {owner: org, tagger: Release <release@example.com>}
  github: {owner: org, repo: demo}
  grafana: {}
  commits: [{url: "https://git.example.com/tap", branches: [main], files: [homebrew], token: "env://NO", author: "Me <me@example.com>"}]
stage:
  buckets: [{url: "file://{state}/bucket"}]
`

// begin returns options for a profile and a release.
func begin(t *testing.T, profile string) (*options, *bytes.Buffer) {
	file := filepath.Join(t.TempDir(), "destinations.yaml")
	if err := os.WriteFile(file, []byte(production), 0o600); err != nil {
		t.Fatal(err)
	}
	gittest.Env(t)
	t.Setenv("BUILD_WORKING_DIRECTORY", "")
	var out bytes.Buffer
	o := &options{stdout: &out, line: "demo", destinations: file + ":" + profile, request: regexp.MustCompile(""), seed: 1}
	o.release = packagetest.Release(t, releasetest.Args{
		Git:    map[string]string{"demo": "https://git.example.com/org/demo@" + strings.Repeat("a", 40)},
		Files:  map[string]string{"demo-1.0.0.tar.gz": "demo", "packages/demo/homebrew/demo.rb": "  version \"1.0.0\"\n"},
		Images: []string{"app"}, Charts: []string{"web"},
	}, packagetest.Package{Format: "deb"}, packagetest.Package{Format: "rpm"})
	if err := o.open(); err != nil {
		t.Fatal(err)
	}
	return o, &out
}

// TestFaults has each service fail in some way, and the process end.
func TestFaults(t *testing.T) {
	for _, tt := range []struct {
		fault   faulttest.Fault
		request string
		want    string // a line
	}{
		{faulttest.Lost, "registry PUT .*latest", "the run gets over it by itself"},
		{faulttest.KillAfter, "gcs POST .*latest", "the run ends after .*: signal: killed"},
		{faulttest.KillBefore, "s3 PUT .*SHA256SUMS", "the run ends after .*: signal: killed"},
		{faulttest.Broken, "gcs GET .*InRelease", "attempt 2"},
		{faulttest.ResetBefore, "git .*receive-pack", "."},
		{"", "", "the same again: --fault "},
	} {
		t.Run(fmt.Sprint(tt.fault, " ", tt.request), func(t *testing.T) {
			o, out := begin(t, "production")
			o.fault, o.request = tt.fault, regexp.MustCompile(tt.request)
			if err := o.rehearse(t.Context(), t); err != nil {
				t.Fatalf("got %v\n%s", err, out)
			}
			for _, want := range []string{
				`rehearse: left out: grafana\n`, `rehearse: without a fault: 1.2.0 to 11 destinations like those of "production", with \d+ requests`,
				"rehearse: with a fault: ", "rehearse: what is there now: ", tt.want,
				`rehearse: the same command again: with \d+ requests in .*: (\d+) of \d+ contents are there, (\d+) of \d+ pointers and receipts; all was read back\n$`,
			} {
				if !regexp.MustCompile(want).MatchString(out.String()) {
					t.Errorf("got\n%swant %q", out, want)
				}
			}
		})
	}
}

func TestList(t *testing.T) {
	o, out := begin(t, "production")
	o.list = true
	if err := o.rehearse(t.Context(), t); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"registry PUT /v2/registry.example.com/me/app/manifests/latest #1\n", "gcs POST ", "s3 PUT ", "github PATCH ", "git POST "} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("got\n%swant %q", out, want)
		}
	}
}

func TestErrors(t *testing.T) {
	o, _ := begin(t, "stage")
	if err := o.rehearse(t.Context(), t); err == nil || !strings.Contains(err.Error(), `profile "stage" has only directories of this machine`) {
		t.Errorf("got %v", err)
	}
	o, _ = begin(t, "production")
	o.request = regexp.MustCompile("nothing")
	if err := o.rehearse(t.Context(), t); err == nil || !strings.Contains(err.Error(), `no request matches "nothing"`) {
		t.Errorf("got %v", err)
	}
	if err := os.WriteFile(filepath.Join(o.release, "demo-1.0.0.tar.gz"), []byte("other"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := o.rehearse(t.Context(), t); err == nil || !strings.Contains(err.Error(), "without a fault: ") {
		t.Errorf("got %v", err)
	}
	for _, tt := range []struct {
		args []string
		want string
	}{
		{nil, "got 0 of --stage, --production and --destinations, want one"},
		{[]string{"--stage", "--production"}, "got 2 of"},
		{[]string{"--stage", "more"}, `got argument "more"`},
		{[]string{"--destinations", "file"}, `got "file", want FILE:PROFILE`},
		{[]string{"--stage", "--fault", "rain"}, `--fault: got "rain", want one of [refused`},
		{[]string{"--stage", "--request", "("}, "--request: error parsing regexp"},
	} {
		var stderr bytes.Buffer
		if got := run(t.Context(), tt.args, &bytes.Buffer{}, &stderr); got != cli.Usage || !strings.Contains(stderr.String(), tt.want) {
			t.Errorf("%q: got status %d, %s, want %q", tt.args, got, &stderr, tt.want)
		}
	}
}
