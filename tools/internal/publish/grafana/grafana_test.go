package grafana

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/dashboard"
	"github.com/jasonwzm/release-builder/tools/internal/artifact/release"
	"github.com/jasonwzm/release-builder/tools/internal/base/jsonfile"
	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
	"github.com/jasonwzm/release-builder/tools/internal/publish"
	"github.com/jasonwzm/release-builder/tools/internal/testing/releasetest"
	"github.com/jasonwzm/release-builder/tools/internal/web"
)

// A service is grafana.com: it keeps revisions, and writes JSON in its own way.
type service struct {
	*httptest.Server
	mu        sync.Mutex
	revisions map[string][]string // id → the revisions' JSON
	posts     int
	pageSize  int
	// before is called with each request; it may answer. After is called with each revision
	// that was made, before the answer.
	before func(w http.ResponseWriter, r *http.Request) bool
	after  func(w http.ResponseWriter)
}

const token = "glsa_secret"

func start(t testing.TB, ids ...string) *service {
	s := &service{revisions: map[string][]string{}, pageSize: 2}
	for _, id := range ids {
		s.revisions[id] = []string{`{"title": "old", "description": "old version 0.9.0"}`, `{"title": "older"}`, `{"title": "x", "description": "x version 11.2.0"}`}
	}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.before != nil && s.before(w, r) {
		return
	}
	parts := strings.Split(strings.TrimPrefix(r.URL.Path, "/api/dashboards/"), "/")
	all, ok := s.revisions[parts[0]]
	var n int
	switch _, err := fmt.Sscanf(r.URL.Path, "/api/dashboards/"+parts[0]+"/revisions/%d/download", &n); {
	case !ok || len(parts) < 2 || parts[1] != "revisions":
		http.Error(w, `{"code": "NotFound"}`, http.StatusNotFound)
	case err == nil && n >= 1 && n <= len(all):
		io.WriteString(w, all[n-1])
	case r.Method == http.MethodPost:
		s.post(w, r, parts[0])
	case r.Method == http.MethodGet && len(parts) == 2:
		s.list(w, r, all)
	default:
		http.Error(w, "no such thing", http.StatusNotFound)
	}
}

func (s *service) list(w http.ResponseWriter, r *http.Request, all []string) {
	page := 1
	fmt.Sscanf(r.URL.Query().Get("page"), "%d", &page)
	var items []map[string]any
	for i := (page - 1) * s.pageSize; i < min(page*s.pageSize, len(all)); i++ {
		var d struct{ Description string }
		json.Unmarshal([]byte(all[i]), &d)
		items = append(items, map[string]any{"revision": i + 1, "description": d.Description, "downloads": 7})
	}
	json.NewEncoder(w).Encode(map[string]any{"items": items, "pages": (len(all) + s.pageSize - 1) / s.pageSize})
}

func (s *service) post(w http.ResponseWriter, r *http.Request, id string) {
	if r.Header.Get("Authorization") != "Bearer "+token {
		http.Error(w, "wrong token "+r.Header.Get("Authorization"), http.StatusUnauthorized)
		return
	}
	f, h, err := r.FormFile("json")
	if err != nil || !strings.HasSuffix(h.Filename, ".json") {
		http.Error(w, fmt.Sprint(err), http.StatusBadRequest)
		return
	}
	var d map[string]any
	if err := json.NewDecoder(f).Decode(&d); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	d["gnetId"] = id
	compact, _ := json.Marshal(d)
	s.revisions[id] = append(s.revisions[id], string(compact))
	s.posts++
	if s.after != nil {
		s.after(w)
	}
	io.WriteString(w, `{"revision": 4}`)
}

// tree returns a release with dashboards by name and id.
func tree(t testing.TB, ids map[string]int, changed string) *release.Tree {
	files := map[string]string{}
	for name := range ids {
		d, err := dashboard.Externalize(fmt.Appendf(nil, `{"title": "%s%s", "schemaVersion": 39.0, "x": 5e-1, "panels": [{"type": "stat", "datasource": "Prometheus"}]}`, name, changed), dashboard.Args{Version: "1.2.0"})
		if err != nil {
			t.Fatal(err)
		}
		files["grafana/"+name+".json"] = string(d)
	}
	dir := releasetest.Make(t, releasetest.Args{Files: files})
	name := filepath.Join(dir, release.LockFile)
	l, err := lock.Read(name)
	if err != nil {
		t.Fatal(err)
	}
	l.Dashboards = ids
	data, err := jsonfile.Marshal(l)
	if err == nil {
		err = os.WriteFile(name, data, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	releasetest.Seal(t, dir)
	return releasetest.Open(t, dir)
}

func open(t testing.TB, s *service, tr *release.Tree, said *[]string) publish.Destination {
	t.Helper()
	d, err := New(Config{Name: "grafana", URL: s.URL, Token: token, Transport: web.New(web.Config{Retry: web.Retry{Attempts: 2, Pause: 1}}), Log: func(format string, args ...any) {
		if said != nil {
			*said = append(*said, fmt.Sprintf(format, args...))
		}
	}}, tr)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func plan(t testing.TB, d publish.Destination) ([]publish.Item, string) {
	t.Helper()
	items, err := d.Plan(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var states []string
	for _, i := range items {
		states = append(states, string(i.State))
	}
	return items, strings.Join(states, " ")
}

// TestPublish publishes two of three dashboards, and again; and another release of the
// version.
func TestPublish(t *testing.T) {
	s := start(t, "7639", "11829")
	ids := map[string]int{"mesh": 7639, "performance": 11829, "ztunnel": 0}
	var said []string
	d := open(t, s, tree(t, ids, ""), &said)
	items, states := plan(t, d)
	if states != "absent absent" || s.posts != 0 || items[0].Name != s.URL+" dashboard 7639 mesh 1.2.0" {
		t.Errorf("got %+v, want two that are absent", items)
	}
	if want := `dashboard "ztunnel" has the id 0 in the manifest: it is not published`; !slices.Equal(said, []string{want}) {
		t.Errorf("got %q, want %s", said, want)
	}
	for range 2 {
		if err := d.Apply(t.Context(), publish.Reveal, items, nil); err != nil {
			t.Fatal(err)
		}
	}
	after, states := plan(t, d)
	if states != "equal equal" || s.posts != 2 || after[0].Version != "4" || after[0].URL != s.URL+"/api/dashboards/7639/revisions/4/download" {
		t.Errorf("got %+v after %d posts, want both equal", after, s.posts)
	}
	verifier := open(t, s, nil, nil)
	if err := verifier.Verify(t.Context(), after, false); err != nil {
		t.Error(err)
	}
	rebuilt := open(t, s, tree(t, ids, "!"), nil)
	conflicts, states := plan(t, rebuilt)
	if states != "conflict conflict" || conflicts[0].Found != "revision 4 with other content" {
		t.Errorf("got %+v, want conflicts", conflicts)
	}
	if err := rebuilt.Apply(t.Context(), publish.Reveal, conflicts, nil); !errors.Is(err, publish.ErrChanged) || s.posts != 2 {
		t.Errorf("got %v after %d posts, want %v", err, s.posts, publish.ErrChanged)
	}
	s.revisions["7639"] = s.revisions["7639"][:3]
	err := verifier.Verify(t.Context(), after, true)
	if want := "dashboard " + after[0].Name + ": got no revision, want sha256:"; err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("got %v, want %s", err, want)
	}
}

// TestLostAnswer makes the revision, and loses the connection before the answer: no second
// revision is made.
func TestLostAnswer(t *testing.T) {
	s := start(t, "7639")
	lost := 0
	s.after = func(w http.ResponseWriter) {
		if lost++; lost == 1 {
			panic(http.ErrAbortHandler)
		}
	}
	d := open(t, s, tree(t, map[string]int{"mesh": 7639}, ""), nil)
	items, _ := plan(t, d)
	if err := d.Apply(t.Context(), publish.Reveal, items, nil); err != nil {
		t.Fatal(err)
	}
	if _, states := plan(t, d); states != "equal" || s.posts != 1 || lost != 1 {
		t.Errorf("got %s after %d posts", states, s.posts)
	}
}

// TestInterrupt ends a run after the first of three revisions: the next one makes the others.
func TestInterrupt(t *testing.T) {
	s := start(t, "1", "2", "3")
	ctx, cancel := context.WithCancel(t.Context())
	s.after = func(http.ResponseWriter) { cancel() }
	tr := tree(t, map[string]int{"a": 1, "b": 2, "c": 3}, "")
	d := open(t, s, tr, nil)
	items, _ := plan(t, d)
	if err := d.Apply(ctx, publish.Reveal, items, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
	s.after = nil
	d = open(t, s, tr, nil)
	items, states := plan(t, d)
	if states != "equal absent absent" {
		t.Errorf("got %s, want the first to be there", states)
	}
	if err := d.Apply(t.Context(), publish.Reveal, items[1:], nil); err != nil {
		t.Fatal(err)
	}
	if _, states := plan(t, d); states != "equal equal equal" || s.posts != 3 {
		t.Errorf("got %s after %d posts", states, s.posts)
	}
}

func TestFaults(t *testing.T) {
	answer := func(status int, body string) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, _ *http.Request) bool {
			w.WriteHeader(status)
			io.WriteString(w, body)
			return true
		}
	}
	for _, tt := range []struct {
		name   string
		before func(http.ResponseWriter, *http.Request) bool
		want   string
	}{
		{"forbidden", answer(403, "no "+token), "GET /api/dashboards/7639/revisions: got status 403 Forbidden: no xxxxx"},
		{"no such dashboard", answer(404, "{}"), "got status 404 Not Found"},
		{"no JSON", answer(200, "<html>"), "reading "},
		{"bad number", answer(200, `{"items": [{"revision": -1}]}`), "got revision -1"},
		{"endless pages", answer(200, `{"pages": 1000000}`), "got more than 1000 pages"},
		{"large", answer(200, strings.Repeat(" ", dashboard.MaxSize+1)), "got more than"},
		{"bad request", func(w http.ResponseWriter, r *http.Request) bool {
			return r.Method == http.MethodPost && answer(400, "no dashboard")(w, r)
		}, `publishing dashboard "mesh": POST /api/dashboards/7639/revisions: got status 400 Bad Request: no dashboard`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := start(t, "7639")
			s.before = tt.before
			d := open(t, s, tree(t, map[string]int{"mesh": 7639}, ""), nil)
			items, err := d.Plan(t.Context())
			if err == nil {
				err = d.Apply(t.Context(), publish.Reveal, items, nil)
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), token) {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
}

func TestNew(t *testing.T) {
	tr := tree(t, map[string]int{"a": 1, "b": 1}, "")
	if _, err := New(Config{URL: Home}, tr); err == nil || err.Error() != `dashboards "a" and "b" have the same id 1` {
		t.Errorf("got %v", err)
	}
	tr.Lock.Dashboards = map[string]int{"a": 1, "none": 2}
	if _, err := New(Config{URL: Home}, tr); err == nil || err.Error() != `dashboard "none": the release has no grafana/none.json` {
		t.Errorf("got %v", err)
	}
	tr.Lock.Outputs = []string{"docker"}
	if d, err := New(Config{URL: Home}, tr); err != nil {
		t.Error(err)
	} else if items, err := d.Plan(t.Context()); err != nil || len(items) > 0 {
		t.Errorf("got %v, %v for a release without dashboards", items, err)
	}
	if _, err := New(Config{URL: "http://grafana.example"}, tr); err == nil {
		t.Error("got no error for a token over http")
	}
	d, err := New(Config{URL: Home}, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = d.Verify(t.Context(), []publish.Item{{Name: "https://elsewhere.example dashboard 1 a 1.2.0"}}, false)
	if want := "with https://grafana.com"; err == nil || !strings.HasSuffix(err.Error(), want) {
		t.Errorf("got %v, want %s", err, want)
	}
}
