package launcher_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// What the variables say of a remote cache is in the file that Bazel is given, except headers, which may be secret.
func TestRemote(t *testing.T) {
	m := newMachine(t)
	m.fakeBazel("7.7.1")
	m.write("work space/ca.pem", "", 0o644)
	for name, value := range map[string]string{
		"CACHE": "grpcs://cache.example.com:443", "EXECUTOR": "grpcs://run.example.com/", "INSTANCE": "main line", "CERTIFICATE": "ca.pem",
		"CLIENT_CERTIFICATE": "", "HEADERS": "x-key: hush",
	} {
		m.env["RELEASE_REMOTE_"+name] = value
	}
	c := m.run("info")
	helper := filepath.Join(m.workspace, "tools", "launcher", "remote-headers")
	want := `
build:remote-endpoint "--remote_cache=grpcs://cache.example.com:443"
build:remote-endpoint "--credential_helper=cache.example.com=` + helper + `"
build:remote-executor "--remote_executor=grpcs://run.example.com/"
build:remote-executor "--credential_helper=run.example.com=` + helper + `"
build:remote-endpoint "--remote_instance_name=main line"
build:remote-endpoint "--tls_certificate=` + filepath.Join(m.workspace, "ca.pem") + `"
`
	if got := c.bazelrc(); !strings.HasSuffix(got, want) || strings.Contains(got, "hush") {
		t.Errorf("got bazelrc:\n%s\nwant at its end:\n%s", got, want)
	}
	if got := strings.Join(c.args(), " ") + c.stderr.String(); strings.Contains(got, "hush") {
		t.Errorf("got arguments and errors %q with the secret", got)
	}
	delete(m.env, "RELEASE_REMOTE_HEADERS")
	if got := m.run("info").bazelrc(); strings.Contains(got, "credential_helper") {
		t.Errorf("got bazelrc:\n%s\nwant no helper, because there are no headers", got)
	}
}

func TestRemoteThatCannotBe(t *testing.T) {
	for _, tt := range []struct{ name, value, want string }{
		{"CACHE", "cache.example.com:443", "RELEASE_REMOTE_CACHE: want grpcs, grpc, https or http"},
		{"CACHE", "grpcs://me:hush@cache.example.com", "RELEASE_REMOTE_CACHE: want grpcs, grpc, https or http"},
		{"EXECUTOR", "grpcs://run.example.com --x", "RELEASE_REMOTE_EXECUTOR: want grpcs, grpc, https or http"},
		{"INSTANCE", "main\nbuild --x", "RELEASE_REMOTE_INSTANCE: got several lines"},
		{"CLIENT_KEY", "key.pem", "RELEASE_REMOTE_CLIENT_KEY: cannot read "},
	} {
		m := newMachine(t)
		m.fakeBazel("7.7.1")
		m.env["RELEASE_REMOTE_"+tt.name] = tt.value
		got := m.fails("info")
		wantContains(t, got, "bazel: error: "+tt.want)
		if strings.Contains(got, "hush") {
			t.Errorf("got %q with the secret", got)
		}
	}
}

// TestRemoteHeaders asks for the headers as Bazel does.
func TestRemoteHeaders(t *testing.T) {
	for _, tt := range []struct {
		headers string
		want    map[string][]string // nil: an error
	}{
		{"", map[string][]string{}},
		{"authorization: Bearer a.b-c=", map[string][]string{"authorization": {"Bearer a.b-c="}}},
		{"x-a:1\n\nx-b:  a \"b\" \\ : c\n", map[string][]string{"x-a": {"1"}, "x-b": {`a "b" \ : c`}}},
		{"hush", nil},
		{"x a: hush", nil},
	} {
		cmd := exec.Command("./remote-headers", "get")
		cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "RELEASE_REMOTE_HEADERS=" + tt.headers}
		var stderr strings.Builder
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		if (err != nil) != (tt.want == nil) || strings.Contains(stderr.String(), "hush") {
			t.Errorf("%q: got %v, %s", tt.headers, err, &stderr)
			continue
		}
		var got struct{ Headers map[string][]string }
		if err == nil {
			err = json.Unmarshal(out, &got)
			if err != nil || !reflect.DeepEqual(got.Headers, tt.want) {
				t.Errorf("%q: got %s, %v, want %q", tt.headers, out, err, tt.want)
			}
		}
	}
}
