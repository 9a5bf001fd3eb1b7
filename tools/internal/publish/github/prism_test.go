package github

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jasonwzm/release-builder/tools/internal/base/jsonfile"
	"github.com/jasonwzm/release-builder/tools/internal/testing/githubtest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/readers"
	"github.com/jasonwzm/release-builder/tools/internal/testing/releasetest"
)

// TestDescription has Prism (https://github.com/stoplightio/prism) judge every
// request that publishing makes, by GitHub's own OpenAPI description. RELEASE_PRISM
// is a directory whose node_modules has @stoplight/prism-cli and @octokit/openapi.
//
// Four things of a request are changed before Prism sees it, which thereby are
// not judged. Accept: go-github v32 asks for application/vnd.github.v3+json, which
// GitHub takes and its description no longer has. An asset's Content-Type: GitHub
// takes any, its description has application/octet-stream only. An asset's
// content: Prism reads a body as text, so it gets text. The slash in a ref: GitHub
// takes it as it is, which OpenAPI has no way to describe.
func TestDescription(t *testing.T) {
	dir := os.Getenv("RELEASE_PRISM")
	readers.Require(t, "prism", dir != "")
	s, tree := start(t), releasetest.Open(t, releasetest.Make(t, args()))
	s.OmitDigests() // so that there are downloads
	s.AddRelease(owner, repo, githubtest.Release{Tag: tag, Draft: true, Assets: []githubtest.Asset{{Name: "lock.json", State: "starter"}}})
	if err := run(t.Context(), open(t, s, tree)); err != nil {
		t.Fatal(err)
	}
	if err := open(t, s, nil).Verify(t.Context(), mustPlan(t, open(t, s, tree)), true); err != nil {
		t.Fatal(err)
	}
	s.AddRepo(owner, repo, commit, other)
	if err := run(t.Context(), open(t, s, tree)); err != nil {
		t.Fatal(err)
	}
	s.EditRelease(owner, repo, tag, func(r *githubtest.Release) bool { r.Latest = false; return true })
	s.AddRelease(owner, repo, githubtest.Release{Tag: "1.1.0", Latest: true})
	if err := run(t.Context(), open(t, s, tree)); err != nil { // moves latest alone
		t.Fatal(err)
	}
	addRepos(s)
	if err := run(t.Context(), openTags(t, s, tagsTree(t))); err != nil {
		t.Fatal(err)
	}
	if err := openTags(t, s, nil).Verify(t.Context(), mustPlan(t, openTags(t, s, tagsTree(t))), true); err != nil {
		t.Fatal(err)
	}

	prism := startPrism(t, dir)
	wrong := githubtest.Request{Method: "POST", URL: "/repos/istio/istio/releases", Body: []byte(`{"tag_name":1}`), Header: http.Header{"Content-Type": {"application/json"}}}
	if got := judge(t, prism, wrong); !strings.Contains(got, "tag_name must be string") {
		t.Fatalf("a wrong request: got %q", got)
	}
	judged := map[string]int{}
	for _, r := range s.Log() {
		if r.Host == "storage" {
			continue
		}
		if got := judge(t, prism, r); got != "" {
			t.Errorf("%s %s: %s\n%.500s", r.Method, r.URL, got, r.Body)
		}
		judged[r.Method]++
	}
	if judged["GET"] < 20 || judged["POST"] < 15 || judged["PATCH"] != 3 || judged["DELETE"] != 1 {
		t.Errorf("got %v judged, want more", judged)
	}
	t.Logf("judged: %v", judged)
}

// judge returns how a request violates the description.
func judge(t *testing.T, prism string, r githubtest.Request) string {
	t.Helper()
	body := r.Body
	if r.Host == "uploads" {
		body = bytes.Repeat([]byte("x"), len(body))
	}
	path, ref, ok := strings.Cut(r.URL, "/git/ref/")
	if ok {
		path += "/git/ref/" + url.PathEscape(ref)
	}
	req, err := http.NewRequestWithContext(t.Context(), r.Method, prism+path, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header = r.Header.Clone()
	req.Header.Del("Accept-Encoding")
	req.Header.Set("Accept", "application/json")
	if r.Host == "uploads" {
		req.Header.Set("Content-Type", "application/octet-stream")
	}
	resp, err := transport(t).RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(resp.Body)
	switch v := resp.Header.Get("sl-violations"); {
	case v != "":
		return v
	case resp.StatusCode >= 400:
		return fmt.Sprintf("%s: %.500s", resp.Status, text)
	}
	return ""
}

// startPrism starts a Prism that knows releases and git, and returns its URL.
func startPrism(t *testing.T, dir string) string {
	t.Helper()
	description := filepath.Join(t.TempDir(), "github.json")
	if err := jsonfile.Write(description, reduced(t, filepath.Join(dir, "node_modules/@octokit/openapi/generated/api.github.com.json"))); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	l.Close()
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, "node", filepath.Join(dir, "node_modules/@stoplight/prism-cli/dist/index.js"), "mock", "-h", "127.0.0.1", "-p", port, description)
	cmd.WaitDelay = time.Second
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cancel(); cmd.Wait() })
	listening := make(chan bool, 1)
	go func() {
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if strings.Contains(lines.Text(), "Prism is listening") {
				listening <- true
			}
		}
		close(listening)
	}()
	select {
	case ok := <-listening:
		if !ok {
			t.Fatal("Prism ended")
		}
	case <-time.After(2 * time.Minute):
		t.Fatal("Prism did not start within two minutes")
	}
	return "http://127.0.0.1:" + port
}

// reduced returns the part of an OpenAPI description that is about releases and
// git, with all that it refers to: Prism takes 18 s to read all of it.
func reduced(t *testing.T, name string) map[string]any {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var all map[string]any
	if err := json.Unmarshal(data, &all); err != nil {
		t.Fatal(err)
	}
	paths := map[string]any{}
	for path, v := range all["paths"].(map[string]any) {
		if strings.HasPrefix(path, "/repos/{owner}/{repo}/releases") || strings.HasPrefix(path, "/repos/{owner}/{repo}/git/") {
			paths[path] = v
		}
	}
	components := map[string]any{}
	var follow func(v any)
	follow = func(v any) {
		switch v := v.(type) {
		case []any:
			for _, e := range v {
				follow(e)
			}
		case map[string]any:
			for k, e := range v {
				ref, ok := e.(string)
				parts := strings.Split(ref, "/")
				if k != "$ref" || !ok || len(parts) != 4 || parts[1] != "components" {
					follow(e)
					continue
				}
				kind, _ := components[parts[2]].(map[string]any)
				if kind == nil {
					kind = map[string]any{}
					components[parts[2]] = kind
				}
				if _, known := kind[parts[3]]; !known {
					kind[parts[3]] = all["components"].(map[string]any)[parts[2]].(map[string]any)[parts[3]]
					follow(kind[parts[3]])
				}
			}
		}
	}
	follow(paths)
	return map[string]any{"openapi": all["openapi"], "info": all["info"], "servers": all["servers"], "paths": paths, "components": components}
}
