package github

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/release"
	"github.com/jasonwzm/release-builder/tools/internal/publish"
	"github.com/jasonwzm/release-builder/tools/internal/testing/githubtest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/releasetest"
)

const (
	owner = "istio"
	repo  = "istio"
	tag   = "1.2.0"
)

var (
	commit = strings.Repeat("c0", 20)
	other  = strings.Repeat("d1", 20)
)

// args are the release of most tests: five assets.
func args() releasetest.Args {
	return releasetest.Args{
		Files: map[string]string{
			"istio-1.2.0-linux-amd64.tar.gz": strings.Repeat("archive", 1000), "istio-1.2.0-linux-amd64.tar.gz.sha256": "sum\n", "docs/x.tar.gz": "no asset",
		},
		Git: map[string]string{"istio": "https://github.com/istio/istio@" + commit},
	}
}

// start starts a GitHub that has the repository.
func start(t *testing.T) *githubtest.Server {
	s := githubtest.New(t)
	s.AddRepo(owner, repo, commit, other)
	return s
}

// transport returns one that ends with the test.
func transport(t *testing.T) *http.Transport {
	tr := &http.Transport{MaxIdleConnsPerHost: 10}
	t.Cleanup(tr.CloseIdleConnections)
	return tr
}

// open makes a destination that does not wait between attempts.
func open(t *testing.T, s *githubtest.Server, tree *release.Tree, edit ...func(*Config)) *destination {
	t.Helper()
	cfg := Config{Owner: owner, Repo: repo, Token: s.Token, BaseURL: s.URL, Transport: transport(t), Notes: "Notes."}
	for _, f := range edit {
		f(&cfg)
	}
	d, err := New(t.Context(), cfg, tree)
	if err != nil {
		t.Fatal(err)
	}
	d.(*destination).c.pause = time.Millisecond
	return d.(*destination)
}

func mustPlan(t *testing.T, d publish.Destination) []publish.Item {
	t.Helper()
	items, err := d.Plan(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return items
}

// apply does both phases of what was planned.
func apply(ctx context.Context, d publish.Destination, items []publish.Item, report publish.Report) error {
	for _, phase := range []publish.Phase{publish.Upload, publish.Reveal} {
		if err := d.Apply(ctx, phase, todo(items, phase), report); err != nil {
			return err
		}
	}
	return nil
}

func todo(items []publish.Item, phase publish.Phase) []publish.Item {
	return slices.DeleteFunc(slices.Clone(items), func(i publish.Item) bool {
		return i.Phase != phase || i.State != publish.Absent && i.State != publish.Behind
	})
}

// run plans and applies.
func run(ctx context.Context, d publish.Destination) error {
	items, err := d.Plan(ctx)
	if err != nil {
		return err
	}
	for _, item := range items {
		if item.State == publish.Conflict {
			return fmt.Errorf("conflict: %s: %s %s", item.Name, item.Found, item.Reason)
		}
	}
	return apply(ctx, d, items, nil)
}

// states writes what a plan says, one line for each item that is not absent.
func states(items []publish.Item) []string {
	var all []string
	for _, i := range items {
		if i.State != publish.Absent {
			all = append(all, strings.TrimSpace(fmt.Sprintf("%s %s: %s %s", i.Kind, path.Base(i.Name), i.State, i.Found)))
		}
	}
	return all
}

// recorder records what Apply reports.
type recorder struct {
	mu    sync.Mutex
	bytes int64
	done  []publish.Item
}

func (r *recorder) report(p publish.Progress) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.bytes += p.Bytes
	if p.Done != nil {
		r.done = append(r.done, *p.Done)
	}
}

var errFault = errors.New("the connection broke")

// faulty breaks requests, counted from 1.
type faulty struct {
	base  http.RoundTripper
	at    int    // the request that breaks
	crash bool   // and all after it
	mode  string // cut: before it is sent; lost: after; half: in its body; 500: an answer instead
	mu    sync.Mutex
	n     int
	onNth func() // instead of breaking
}

func (f *faulty) RoundTrip(req *http.Request) (*http.Response, error) {
	f.mu.Lock()
	f.n++
	n := f.n
	f.mu.Unlock()
	if n != f.at && !(f.crash && n > f.at) {
		return f.base.RoundTrip(req)
	}
	mode := f.mode
	if n > f.at {
		mode = "cut"
	}
	if req.Body == nil && mode == "half" {
		mode = "lost"
	}
	switch mode {
	case "call":
		f.onNth()
		return f.base.RoundTrip(req)
	case "lost":
		resp, err := f.base.RoundTrip(req)
		if err == nil {
			io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
		}
		return nil, errFault
	case "half":
		clone := req.Clone(req.Context())
		clone.GetBody = nil
		clone.Body = &broken{req.Body, req.ContentLength / 2}
		_, err := f.base.RoundTrip(clone)
		return nil, errors.Join(errFault, err)
	}
	if req.Body != nil {
		req.Body.Close()
	}
	if mode == "500" {
		return &http.Response{
			Status: "500 Internal Server Error", StatusCode: 500, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: req,
			Header: http.Header{}, Body: io.NopCloser(strings.NewReader(`{"message":"oops"}`)),
		}, nil
	}
	return nil, errFault
}

// broken is a body that breaks off.
type broken struct {
	io.ReadCloser
	left int64
}

func (b *broken) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errFault
	}
	n, err := b.ReadCloser.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	return n, err
}

func contains(t *testing.T, err error, want string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got error %v, want one with %q", err, want)
	}
	if err != nil && (strings.Contains(err.Error(), githubtest.Token) || strings.Contains(err.Error(), "canary")) {
		t.Errorf("error shows a secret: %v", err)
	}
}

var numbers = regexp.MustCompile(`(drafts? |tag: |, )[0-9]+`)

// renumber makes 7 of the first release's number, 8 of the second's.
func renumber(s *githubtest.Server, text string) string {
	for i, r := range s.Releases(owner, repo) {
		if strings.HasSuffix(text, fmt.Sprint(" ", r.ID)) {
			return strings.TrimSuffix(text, fmt.Sprint(r.ID)) + fmt.Sprint(7+i)
		}
	}
	return text
}
