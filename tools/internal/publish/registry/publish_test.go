package registry

import (
	"errors"
	"net/http"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/jasonwzm/release-builder/tools/internal/publish"
	"github.com/jasonwzm/release-builder/tools/internal/testing/readers"
	"github.com/jasonwzm/release-builder/tools/internal/testing/registrytest"
)

// TestPublish publishes to each registry, twice, and reads back.
func TestPublish(t *testing.T) {
	tree := images(t, "1.2.0")
	for _, tt := range servers {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := tt.start(t)
			if s == nil {
				return
			}
			r := &recorder{inner: s.Transport}
			hub := s.Host + "/team/x"
			d := open(t, Config{Hub: hub, Tags: stable("1.2.0", "latest"), Transport: r, Keychain: keychain{tt.auth}}, tree)
			items := plan(t, d)
			wantStates(t, items, hub, "image app absent", "image proxy absent", "tag app:1.2.0 absent", "tag proxy:1.2.0 absent", "tag app:latest absent", "tag proxy:latest absent")
			if all, writes := r.take(); writes > 0 {
				t.Errorf("plan: got %d writes in %q, want none", writes, all)
			}
			var mu sync.Mutex
			var sent, size, done = int64(0), int64(0), 0
			report := func(p publish.Progress) {
				mu.Lock()
				defer mu.Unlock()
				sent += p.Bytes
				if p.Done != nil {
					done++
				}
			}
			for _, phase := range []publish.Phase{publish.Upload, publish.Reveal} {
				if err := d.Apply(t.Context(), phase, todo(items, phase), report); err != nil {
					t.Fatal(err)
				}
				if phase == publish.Upload {
					if got := plan(t, d); got[2].State != publish.Absent || got[0].State != publish.Equal {
						t.Errorf("after upload: got %q", states(got, hub))
					}
				}
			}
			for _, i := range items[:2] {
				size += i.Size
			}
			if done != len(items) || sent > size || sent < size/2 {
				t.Errorf("progress: got %d items, %d bytes, want %d items and at most %d bytes", done, sent, len(items), size)
			}
			r.take()
			items = plan(t, d)
			all, writes := r.take()
			if writes > 0 || len(all) > 4 {
				t.Errorf("plan of what is there: got %q, want 4 reads", all)
			}
			for _, i := range items {
				if i.State != publish.Equal || i.Version != i.Digest || !strings.Contains(i.URL, s.Host+"/v2/team/x/") || i.Found != "" {
					t.Errorf("got %+v", i)
				}
			}
			publishAll(t, d)
			if all, writes := r.take(); writes > 0 {
				t.Errorf("again: got %q", all)
			}
			readBack(t, s, Config{Hub: hub, Transport: r, Keychain: keychain{tt.auth}}, items)
		})
	}
}

// readBack verifies the items, and has others read the images.
func readBack(t *testing.T, s *registrytest.Server, c Config, items []publish.Item) {
	t.Helper()
	for _, deep := range []bool{false, true} {
		wantError(t, open(t, c, nil).Verify(t.Context(), items, deep), "")
	}
	auth := c.Keychain.(keychain).config
	for _, ref := range []string{"/app:1.2.0", "/proxy:latest"} {
		checkIndex(t, s, auth, c.Hub+ref)
	}
	inspect(t, "docker://"+c.Hub+"/app:1.2.0", auth)
}

// inspect has skopeo read an image, if that is installed.
func inspect(t *testing.T, ref string, auth authn.AuthConfig) {
	t.Helper()
	command, ok := readers.Look(t, "skopeo")
	if !ok {
		return
	}
	args := []string{"inspect", "--override-os", "linux", "--override-arch", "arm64"}
	if strings.HasPrefix(ref, "docker:") {
		args = append(args, "--tls-verify=false")
	}
	if auth.Username != "" {
		args = append(args, "--creds", auth.Username+":"+auth.Password)
	}
	out, err := exec.Command(command, append(args, ref)...).CombinedOutput()
	if err != nil || !strings.Contains(string(out), `"Architecture": "arm64"`) {
		t.Errorf("skopeo: got %v, %.500s", err, out)
	}
}

// TestTags has tags point to what is not of this release.
func TestTags(t *testing.T) {
	for _, tt := range []struct {
		name  string
		there string // version of what is there
		tag   string
		back  bool
		want  publish.State
		found string // regular expression
		why   string
	}{
		{"an annotation of the index", "1.1.0", "latest", false, publish.Behind, `^1\.1\.0, sha256:`, ""},
		{"a newer one", "1.3.0", "latest", false, publish.Kept, `^1\.3\.0$`, "1.2.0 is lower than 1.3.0"},
		{"a newer one, on purpose", "1.3.0", "latest", true, publish.Behind, `^1\.3\.0, sha256:`, "moved back on purpose"},
		{"a label of the config", "label-1.1.0", "latest", false, publish.Behind, `^1\.1\.0, sha256:`, ""},
		{"no version", "", "latest", false, publish.Conflict, `^sha256:[0-9a-f]{64}$`, "its target has no version"},
		{"no version, on purpose", "", "latest", true, publish.Behind, `^sha256:[0-9a-f]{64}$`, "moved back on purpose"},
		{"other content of the version", "other-1.2.0", "latest", false, publish.Conflict, `^1\.2\.0, sha256:`, "it has other content of the same version"},
		{"other content of the version, on purpose", "other-1.2.0", "latest", true, publish.Behind, `^1\.2\.0, sha256:`, "moved back on purpose"},
		{"the version's own tag never moves", "other-1.2.0", "1.2.0", true, publish.Conflict, `^sha256:[0-9a-f]{64}$`, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, server := range servers[:2] {
				s := server.start(t)
				hub := s.Host + "/x"
				before := other(t, s, hub+"/app:"+tt.tag, tt.there)
				tags := []publish.Alias{{Name: tt.tag, Rule: publish.Stable, Back: tt.back}}
				d := open(t, Config{Hub: hub, Tags: tags, Transport: s.Transport}, images(t, "1.2.0"))
				items := plan(t, d)
				wantStates(t, items, hub, "image app absent", "image proxy absent", "tag app:"+tt.tag+" "+string(tt.want), "tag proxy:"+tt.tag+" absent")
				wantError(t, errors.New(items[2].Found), tt.found)
				if items[2].Reason != tt.why {
					t.Errorf("reason: got %q, want %q", items[2].Reason, tt.why)
				}
				if moves := tt.tag != "1.2.0"; (items[2].Rule != "") != moves {
					t.Errorf("rule: got %q of a tag that moves: %v", items[2].Rule, moves)
				}
				if tt.want == publish.Kept {
					before = ""
				}
				if items[2].Guard != before {
					t.Errorf("guard: got %q, want %q", items[2].Guard, before)
				}
				if tt.want == publish.Behind {
					publishAll(t, d)
					wantStates(t, plan(t, d), hub, "image app equal", "image proxy equal", "tag app:"+tt.tag+" equal", "tag proxy:"+tt.tag+" equal")
				}
			}
		})
	}
}

// TestChanged has tags change between plan and apply.
func TestChanged(t *testing.T) {
	for _, tt := range []struct{ before, after, want string }{
		{"", "1.1.0", `tag .*/app:latest: got sha256:[0-9a-f]+ there, want nothing: it has changed since the plan`},
		{"1.0.0", "1.1.0", `tag .*/app:latest: got sha256:[0-9a-f]+ there, want sha256:[0-9a-f]+: it has changed`},
		{"1.0.0", "", `tag .*/app:latest: got nothing there, want sha256:[0-9a-f]+: it has changed`},
	} {
		s := servers[0].start(t)
		hub := s.Host + "/x"
		ref, err := name.ParseReference(hub + "/app:latest")
		if err != nil {
			t.Fatal(err)
		}
		if tt.before != "" {
			other(t, s, ref.Name(), tt.before)
		}
		d := open(t, Config{Hub: hub, Tags: stable("latest"), Transport: s.Transport}, images(t, "1.2.0"))
		items := plan(t, d)
		want := ""
		if tt.after != "" {
			want = other(t, s, ref.Name(), tt.after)
		} else if err := remote.Delete(ref); err != nil {
			t.Fatal(err)
		}
		if err := d.Apply(t.Context(), publish.Upload, todo(items, publish.Upload), nil); err != nil {
			t.Fatal(err)
		}
		err = d.Apply(t.Context(), publish.Reveal, todo(items, publish.Reveal), nil)
		wantError(t, err, tt.want)
		if !errors.Is(err, publish.ErrChanged) {
			t.Errorf("got %v, want ErrChanged", err)
		}
		if got, err := remote.Head(ref); tt.after != "" && (err != nil || got.Digest.String() != want) {
			t.Errorf("got %v, %v, want %s", got, err, want)
		}
		if _, err := remote.Head(ref.Context().Registry.Repo("x", "proxy").Tag("latest")); err == nil {
			t.Error("the tag after it was written")
		}
	}
}

// TestBecomesEqual has somebody else push the same.
func TestBecomesEqual(t *testing.T) {
	s := servers[0].start(t)
	r := &recorder{inner: s.Transport}
	c := Config{Hub: s.Host, Tags: stable("latest"), Transport: r}
	tree := images(t, "1.2.0")
	d := open(t, c, tree)
	items := plan(t, d)
	publishAll(t, open(t, c, tree))
	for _, phase := range []publish.Phase{publish.Upload, publish.Reveal} {
		r.take()
		wantError(t, d.Apply(t.Context(), phase, todo(items, phase), nil), "")
		if all, writes := r.take(); writes > 0 {
			t.Errorf("%s: got %q, want no writes", phase, all)
		}
	}
}

// TestErrors looks at what is said of answers that are no success.
func TestErrors(t *testing.T) {
	for _, tt := range []struct {
		at, path    string // method and part of the path
		status      int
		body        string
		error, hint string
	}{
		{"HEAD", "/manifests/", 403, "", `^looking for HOST/app:1.2.0: got status 403 Forbidden, want 200 or 404$`, "run docker login HOST with"},
		{"POST", "/app/blobs/uploads/", 401, `{"errors":[{"code":"UNAUTHORIZED","message":"who?\u001b[31m"}]}`,
			`^writing blob HOST/app@sha256:[0-9a-f]{64}: got status 401 Unauthorized, want 201 or 202; registry says "UNAUTHORIZED": "who\?\\x1b\[31m"$`, "run docker login HOST with"},
		{"POST", "/app/blobs/uploads/", 429, `{"errors":[{"code":"TOOMANYREQUESTS","message":"slow down"}]}`, `429 Too Many Requests, want 201 or 202; registry says "TOOMANYREQUESTS": "slow down"$`, "HOST limits the rate"},
		{"PUT", "/app/manifests/", 400, `{"errors":[{"code":"MANIFEST_INVALID","message":"` + strings.Repeat("x", 1000) + `"}]}`,
			`^writing HOST/app@sha256:[0-9a-f]{64}: got status 400 Bad Request, want 201; registry says "MANIFEST_INVALID": "x{200}"$`, ""},
		{"PUT", "/app/blobs/", 500, "<html>", `^writing blob HOST/app@sha256:[0-9a-f]{64}: got status 500 Internal Server Error, want 201 or 204$`, ""},
	} {
		s := servers[0].start(t)
		r := &recorder{inner: s.Transport, fail: func(_ int, req *http.Request) (*http.Response, error) {
			if req.Method == tt.at && strings.Contains(req.URL.Path, tt.path) {
				return answer(req, tt.status, tt.body), nil
			}
			return nil, nil
		}}
		err := run(t.Context(), open(t, Config{Hub: s.Host, Transport: r, Jobs: 1}, images(t, "1.2.0")))
		if err == nil {
			t.Fatalf("%s %s: got no error", tt.at, tt.path)
		}
		wantError(t, errors.New(strings.ReplaceAll(err.Error(), s.Host, "HOST")), tt.error)
		if got := strings.ReplaceAll(hintOf(err), s.Host, "HOST"); !strings.HasPrefix(got, tt.hint) || tt.hint == "" && got != "" {
			t.Errorf("hint: got %q, want %q", got, tt.hint)
		}
	}
}

// TestOtherDigest has a registry say that it has something else than was sent.
func TestOtherDigest(t *testing.T) {
	for _, path := range []string{"/blobs/", "/manifests/"} {
		s := registrytest.Strict(t, func(h http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
				if req.Method == "PUT" && strings.Contains(req.URL.Path, path) {
					w.Header().Set("Docker-Content-Digest", "sha256:"+strings.Repeat("0", 64))
					w.WriteHeader(http.StatusCreated)
					return
				}
				h.ServeHTTP(w, req)
			})
		})
		err := run(t.Context(), open(t, Config{Hub: s.Host, Transport: s.Transport}, images(t, "1.2.0")))
		wantError(t, err, `Docker-Content-Digest: got "sha256:0{64}", want sha256:`)
	}
}

func TestHubs(t *testing.T) {
	for _, tt := range []struct{ hub, mount, want string }{
		{"registry.example/team", "registry.example/stage", ""},
		{"registry.example", "", ""},
		{"localhost:5000", "", ""},
		{"docker.io/team", "docker.io/stage", ""},
		{"file:///tmp/hub", "", ""},
		{"", "", `parsing hub ""`},
		{"team", "", `parsing hub "team": strict validation requires the registry`},
		{"team/x", "", `requires the registry`},
		{"registry.example/Team", "", `can only contain`},
		{"https://registry.example/team", "", `"/registry.example/team" is not a path of repositories`},
		{"file:dir", "", `parsing hub "file:dir": want file:///DIR`},
		{"file://host/dir", "", `want file:///DIR`},
		{"registry.example/team", "other.example/team", `is in another registry`},
		{"file:///tmp/hub", "registry.example/x", `a directory cannot mount blobs`},
	} {
		_, err := New(t.Context(), Config{Hub: tt.hub, MountFrom: tt.mount}, nil)
		wantError(t, err, tt.want)
	}
	d := open(t, Config{Hub: "registry.example/x"}, nil)
	for _, bad := range []string{"other.example/x/app:1", "registry.example/x/app", "registry.example/x/../y:1", "registry.example/x/app@sha256:12", "registry.example/x/app:1/2"} {
		wantError(t, d.Verify(t.Context(), []publish.Item{{Name: bad}}, false), `is not in hub`)
	}
	// Nothing but loopback is spoken to without TLS, whatever it is called.
	for _, host := range []string{"10.1.2.3:5000", "registry.local:5000"} {
		r := &recorder{inner: http.DefaultTransport, fail: func(_ int, req *http.Request) (*http.Response, error) {
			if req.URL.Scheme != "https" {
				t.Errorf("got %s", req.URL)
			}
			return nil, errors.New("no network")
		}}
		c := Config{Hub: host + "/x", Transport: r}
		if _, err := open(t, c, images(t, "1.2.0")).Plan(t.Context()); err == nil {
			t.Errorf("%s: got no error", host)
		}
	}
}
