package publish

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/release"
	"github.com/jasonwzm/release-builder/tools/internal/testing/readers"
	"github.com/jasonwzm/release-builder/tools/internal/testing/releasetest"
)

// readBack has programs of others read what was published to the services.
func (s *services) readBack(profile string) {
	s.t.Helper()
	hub, objects, charts, chartHub := "/stage", "stage", "stage-charts", "/stage/charts"
	if profile == "production" {
		hub, objects, charts, chartHub = "/demo", "demo", "charts", "/charts"
	}
	s.readImages(s.registry.Host + hub)
	if profile == "production" { // gcloud takes its time
		s.readObjects(objects)
	}
	s.readChart(charts, s.registry.Host+chartHub)
	s.readTags()
}

// program runs a program of others and returns what it printed, or false if it is not
// there.
func (s *services) program(name string, args ...string) (string, bool) {
	s.t.Helper()
	path, ok := readers.Look(s.t, name)
	if !ok {
		return "", false
	}
	cmd := exec.CommandContext(s.t.Context(), path, args...)
	cmd.Dir = s.home
	// Neither Go's proxy settings nor a project of the machine's user have a say.
	cmd.Env = append(os.Environ(), "CLOUDSDK_API_ENDPOINT_OVERRIDES_STORAGE="+s.gcs.URL+"/", "CLOUDSDK_AUTH_DISABLE_CREDENTIALS=true",
		"CLOUDSDK_CORE_DISABLE_USAGE_REPORTING=true", "CLOUDSDK_CORE_PROJECT=demo", "CLOUDSDK_CONFIG="+filepath.Join(s.home, "gcloud"))
	out, err := cmd.Output()
	if exit, ok := err.(*exec.ExitError); ok {
		s.t.Errorf("%s %q: %v\n%s", name, args, err, exit.Stderr)
	} else if err != nil {
		s.t.Errorf("%s: %v", name, err)
	}
	return string(out), true
}

// readImages reads the images' digests with crane and skopeo, and one image whole.
func (s *services) readImages(hub string) {
	tree := releasetest.Open(s.t, s.release)
	for _, name := range tree.Images() {
		want := imageDigest(s, tree, name)
		for _, tag := range []string{"1.2.0", "latest"} {
			if out, ok := s.program("crane", "digest", "--insecure", hub+"/"+name+":"+tag); ok && strings.TrimSpace(out) != want {
				s.t.Errorf("crane digest of %s:%s: got %q, want %s", name, tag, out, want)
			}
		}
		if out, ok := s.program("crane", "validate", "--insecure", "--remote", hub+"/"+name+":1.2.0"); ok && !strings.Contains(out, "PASS") {
			s.t.Errorf("crane validate of %s: got %q", name, out)
		}
		policy := s.write("policy.json", `{"default": [{"type": "insecureAcceptAnything"}]}`)
		s.program("skopeo", "--policy", policy, "copy", "--all", "--src-tls-verify=false", "docker://"+hub+"/"+name+":1.2.0", "oci:"+filepath.Join(s.t.TempDir(), "copy")+":x")
		if out, ok := s.program("skopeo", "inspect", "--tls-verify=false", "--format", "{{.Digest}}", "docker://"+hub+"/"+name+":latest"); ok && strings.TrimSpace(out) != want {
			s.t.Errorf("skopeo inspect of %s: got %q, want %s", name, out, want)
		}
	}
}

// imageDigest returns the digest of an image's index, out of its layout.
func imageDigest(s *services, tree *release.Tree, name string) string {
	s.t.Helper()
	data, err := tree.ReadFile(s.t.Context(), "images/"+name+"/index.json")
	if err != nil {
		s.t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(data), `"digest":`)
	_, rest, _ = strings.Cut(rest, `"`)
	d, _, _ := strings.Cut(rest, `"`)
	return d
}

// readObjects has gcloud copy the version out of the bucket, and sha256sum check it.
func (s *services) readObjects(prefix string) {
	dir := s.t.TempDir()
	if _, ok := s.program("gcloud", "storage", "cp", "--recursive", "gs://releases/"+prefix+"/1.2.0", dir); ok {
		cmd := exec.CommandContext(s.t.Context(), "sha256sum", "--check", "--strict", "--quiet", release.Checksums)
		cmd.Dir = filepath.Join(dir, "1.2.0")
		if out, err := cmd.CombinedOutput(); err != nil {
			s.t.Errorf("sha256sum of what gcloud read: %v\n%s", err, out)
		}
	}
	if out, ok := s.program("gcloud", "storage", "cat", "gs://releases/"+prefix+"/latest"); ok && out != "1.2.0" {
		s.t.Errorf("latest: got %q, want 1.2.0", out)
	}
}

// readChart has helm pull the chart from the bucket's index and from the registry.
func (s *services) readChart(bucket, hub string) {
	want, err := os.ReadFile(filepath.Join(s.release, "helm", "web-1.2.0.tgz"))
	if err != nil {
		s.t.Fatal(err)
	}
	pull := func(args ...string) {
		dir := s.t.TempDir()
		if _, ok := s.program("helm", append([]string{"pull", "--version", "1.2.0", "--destination", dir}, args...)...); ok {
			if got, err := os.ReadFile(filepath.Join(dir, "web-1.2.0.tgz")); string(got) != string(want) || err != nil {
				s.t.Errorf("helm pull %q: got %d bytes, %v, want the chart of %d", args, len(got), err, len(want))
			}
		}
	}
	pull("--repo", s.gcs.URL+"/releases/"+bucket, "web")
	tls := "--insecure-skip-tls-verify"
	if s.registry.CAFile == "" {
		tls = "--plain-http"
	}
	pull(tls, "--registry-config", filepath.Join(os.Getenv("DOCKER_CONFIG"), "config.json"), "oci://"+hub+"/web")
}

// readTags reads the pushed tags, of git's own server and of the stage's directories.
func (s *services) readTags() {
	for name, tags := range map[string]string{"demo": "1.2.0", "api-go": "1.2.0 v1.2.0"} {
		for _, url := range []string{s.git.URL("org/" + name), "file://" + s.home + "/stage-git/" + name + ".git"} {
			out, _ := s.program("git", "ls-remote", "--tags", url)
			for tag := range strings.FieldsSeq(tags) {
				if want := s.commits[name] + "\trefs/tags/" + tag + "^{}\n"; !strings.Contains(out, want) {
					s.t.Errorf("git ls-remote of %s: got %q, want %q in it", url, out, want)
				}
			}
		}
	}
}
