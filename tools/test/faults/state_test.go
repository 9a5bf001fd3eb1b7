package faults_test

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/jasonwzm/release-builder/tools/internal/testing/buckettest"
)

// A state is all that the services of a world have: a text for each thing.
type state map[string]string

// A rank orders what publishing writes. What has a rank refers to what has a lower one.
type rank int

const (
	content rank = iota // nobody finds it
	record              // the receipt
	pointer             // by which people find content
)

// state returns what the services of the world's profile have. What is in the registry
// without a tag counts if it is in want. With some, it looks for these things in buckets and
// the registry and for no others, which is faster.
func (w *world) state(want state, some []string) state {
	s := state{}
	if w.profile == "git" {
		for _, repo := range []string{"org/demo", "org/api-go", "tap"} {
			for line := range strings.Lines(w.git.Repo(repo).Git("for-each-ref", "--format=%(refname) %(objectname)")) {
				ref, object, _ := strings.Cut(strings.TrimSpace(line), " ")
				s["git "+repo+" "+ref] = object
			}
		}
		w.directory(s)
		return s
	}
	if some == nil {
		w.bucket(s, "gcs", w.gcs, w.gcs.Keys())
		w.bucket(s, "s3", w.s3, w.s3.Keys())
		for service := range w.registries {
			w.images(s, service)
		}
		some = slices.DeleteFunc(slices.Collect(maps.Keys(want)), func(key string) bool { return !strings.Contains(key, "@") })
	}
	for _, key := range some {
		service, rest, _ := strings.Cut(key, " ")
		switch service {
		case "gcs":
			w.bucket(s, service, w.gcs, []string{rest})
		case "s3":
			w.bucket(s, service, w.s3, []string{rest})
		case "registry", "lax", "docker":
			repo, ref, isDigest := strings.Cut(rest, "@")
			if !isDigest {
				repo, ref, _ = strings.Cut(rest, ":")
			}
			if digest := w.manifest(s, service, repo, ref); !isDigest {
				s[key] = digest
			}
		}
	}
	for _, owner := range []string{"org", "live"} {
		w.releases(s, owner, "demo")
		w.releases(s, owner, "api-go")
	}
	return s
}

// sum returns the digest of a text in which no address of a server is left.
func (w *world) sum(text string) string {
	for address, service := range w.services {
		text = strings.ReplaceAll(text, address, service)
	}
	text = strings.ReplaceAll(text, w.home, "/home")
	return fmt.Sprintf("%x", sha256.Sum256([]byte(text)))[:16]
}

func (w *world) bucket(s state, name string, b *buckettest.Server, keys []string) {
	for _, key := range keys {
		o, ok := b.Get(key)
		if !ok {
			continue
		}
		s[name+" "+key] = fmt.Sprintf("%s %s %s %s", w.sum(o.Content), o.ContentType, o.CacheControl, o.ContentEncoding)
	}
}

func (w *world) directory(s state) {
	root := filepath.Join(w.home, "bucket")
	if _, err := os.Stat(root); err != nil {
		return
	}
	d := buckettest.Directory(w.t, root)
	for _, key := range d.Keys() {
		s["directory "+key] = w.sum(d.Content(key))
	}
}

func (w *world) releases(s state, owner, repo string) {
	for _, r := range w.github.Releases(owner, repo) {
		name := "github " + owner + "/" + repo + " " + r.Tag
		s[name] = fmt.Sprintf("draft %v prerelease %v latest %v %s %s", r.Draft, r.Prerelease, r.Latest, r.Title, w.sum(r.Notes))
		for _, a := range r.Assets {
			s[name+" asset "+a.Name] = fmt.Sprintf("%s %s %s", a.State, a.ContentType, a.Digest)
		}
	}
	for _, tag := range w.github.Tags(owner, repo) {
		object, _ := w.github.Tag(owner, repo, tag)
		s["github "+owner+"/"+repo+" tag "+tag] = object
	}
}

// images has every tag of a registry, and every manifest and blob that a tag leads to.
func (w *world) images(s state, service string) {
	var catalog struct{ Repositories []string }
	w.ask(service, "_catalog?n=1000", &catalog)
	for _, repo := range catalog.Repositories {
		var list struct{ Tags []string }
		w.ask(service, repo+"/tags/list?n=1000", &list)
		for _, tag := range list.Tags {
			s[service+" "+repo+":"+tag] = w.manifest(s, service, repo, tag)
		}
	}
}

// manifest adds a manifest and returns its digest, or what is missing.
func (w *world) manifest(s state, service, repo, ref string) string {
	var m struct {
		Config            *v1.Descriptor
		Layers, Manifests []v1.Descriptor
	}
	digest := w.ask(service, repo+"/manifests/"+ref, &m)
	if digest == "" {
		return "missing"
	}
	name := service + " " + repo + "@" + digest
	if _, known := s[name]; known {
		return digest
	}
	s[name] = "whole"
	for _, d := range m.Manifests {
		if w.manifest(s, service, repo, d.Digest.String()) == "missing" {
			s[name] = "without " + d.Digest.String()
		}
	}
	if m.Config != nil {
		m.Layers = append(m.Layers, *m.Config)
	}
	for _, d := range m.Layers {
		if w.get(service, http.MethodHead, repo+"/blobs/"+d.Digest.String()).Code != http.StatusOK {
			s[name] = "without " + d.Digest.String()
		}
	}
	return digest
}

// get sends a request without a body to a registry, below the layer.
func (w *world) get(service, method, path string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "/v2/"+path, nil)
	for _, t := range []types.MediaType{types.OCIImageIndex, types.OCIManifestSchema1, types.DockerManifestList, types.DockerManifestSchema2} {
		r.Header.Add("Accept", string(t)) // docker-registry answers with what the client names
	}
	rec := httptest.NewRecorder()
	w.registries[service].ServeHTTP(rec, r)
	return rec
}

// ask gets JSON from a registry and returns the digest in the header.
func (w *world) ask(service, path string, v any) string {
	rec := w.get(service, http.MethodGet, path)
	if rec.Code != http.StatusOK {
		return ""
	}
	if err := json.Unmarshal(rec.Body.Bytes(), v); err != nil {
		w.t.Errorf("%s %s: %v", service, path, err)
	}
	return rec.Header().Get("Docker-Content-Digest")
}

// diff returns what differs from want, a line each.
func (s state) diff(want state) []string {
	var lines []string
	for _, key := range slices.Sorted(maps.Keys(want)) {
		if s[key] != want[key] {
			lines = append(lines, fmt.Sprintf("%s: got %q, want %q", key, s[key], want[key]))
		}
	}
	for _, key := range slices.Sorted(maps.Keys(s)) {
		if _, ok := want[key]; !ok {
			lines = append(lines, fmt.Sprintf("%s: got %q, want nothing", key, s[key]))
		}
	}
	return lines
}

func isRegistry(service string) bool {
	return service == "registry" || service == "lax" || service == "docker"
}

// rankOf returns the rank of a thing, given what was there before the release.
func rankOf(key string, before state) rank {
	_, existed := before[key]
	switch fields := strings.Fields(key); {
	case strings.HasSuffix(key, ".receipt.json"):
		return record
	case isRegistry(fields[0]) && !strings.Contains(key, "@"), fields[0] == "git", fields[0] == "github" && !strings.Contains(key, " asset "):
		return pointer
	case existed: // what changes from release to release: an index, an alias
		return pointer
	}
	return content
}

// changed returns what differs between two states.
func (s state) changed(before state) []string {
	var keys []string
	for key, now := range s {
		if before[key] != now {
			keys = append(keys, key)
		}
	}
	return keys
}

// early returns what is there before something that it refers to, on the way from one state
// to another; nothing if all is in order.
func (s state) early(before, after state) string {
	var there, missing [3][]string
	for _, key := range after.changed(before) {
		want := after[key]
		if r := rankOf(key, before); s[key] == want {
			there[r] = append(there[r], key)
		} else {
			missing[r] = append(missing[r], key)
		}
	}
	for _, r := range []rank{record, pointer} {
		for low := content; low < r; low++ {
			for _, high := range there[r] {
				for _, key := range missing[low] {
					// The lists that an index of packages consists of are written with it.
					if place, _, isList := strings.Cut(key, "/by-hash/"); !isList || strings.HasPrefix(high, place[:strings.Index(place, "/")]) {
						return fmt.Sprintf("%s is there, %s is not", high, key)
					}
				}
			}
		}
	}
	return ""
}
