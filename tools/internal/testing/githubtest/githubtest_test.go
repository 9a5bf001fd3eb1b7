package githubtest

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestServer looks at what of the server other tests rely on.
func TestServer(t *testing.T) {
	commit := strings.Repeat("c0", 20)
	s := New(t)
	s.AddRepo("istio", "api", commit)
	for i := range 35 {
		s.AddRelease("istio", "api", Release{Tag: fmt.Sprint(i)})
	}
	draft := s.AddRelease("istio", "api", Release{Tag: "draft", Draft: true, Assets: []Asset{{Name: "a", Content: []byte("a")}}})
	upload := fmt.Sprintf("%s/repos/istio/api/releases/%d/assets?name=", s.uploads.URL, draft)
	repo := s.URL + "/repos/istio/api/"
	for _, tt := range []struct {
		method, url, token, body string
		status                   int
		want                     string // in the answer
	}{
		{"GET", repo + "releases/36", "", "", 404, "Not Found"},
		{"GET", repo + "releases/36", Token, "", 200, `"draft":true`},
		{"GET", repo + "releases/tags/draft", Token, "", 404, "Not Found"},
		{"GET", repo + "releases/tags/7", "", "", 200, `"tag_name":"7"`},
		{"GET", repo + "releases/36", "wrong", "", 401, "Bad credentials"},
		{"POST", repo + "releases", "", "{}", 401, "Requires authentication"},
		{"POST", repo + "releases", Token, "{", 400, "Problems parsing JSON"},
		{"POST", repo + "releases", Token, `{"tag_name":"7"}`, 422, "already_exists"},
		{"POST", repo + "releases", Token, `{"tag_name":"x","target_commitish":"nowhere"}`, 422, "target_commitish"},
		{"POST", repo + "releases", Token, `{"tag_name":"x"}`, 201, `"draft":false`},
		{"GET", repo + "git/ref/tags/x", "", "", 200, commit},
		{"GET", repo + "git/ref/tags/", "", "", 404, ""},
		{"GET", repo + "git/commits/" + commit, "", "", 200, commit},
		{"POST", repo + "git/refs", Token, `{"ref":"refs/tags/x","sha":"` + commit + `"}`, 422, "Reference already exists"},
		{"POST", repo + "git/refs", Token, `{"ref":"refs/tags/y","sha":"00"}`, 422, "Object does not exist"},
		{"POST", repo + "git/refs", Token, `{"ref":"tags/y","sha":"` + commit + `"}`, 422, "must start with"},
		{"POST", repo + "git/tags", Token, `{"tag":"x","message":"m","object":"00","type":"commit"}`, 422, "Invalid object"},
		{"POST", upload + "a", Token, "x", 422, "already_exists"},
		{"POST", upload + "b", Token, "", 422, "size"},
		{"POST", upload + "b+c%20d", Token, "x", 201, `"name":"b.c.d"`},
		{"POST", upload + "b", "", "x", 401, "Requires authentication"},
		{"DELETE", repo + "releases/36", Token, "", 204, ""},
		{"GET", repo + "releases/36", Token, "", 404, ""},
		{"GET", s.URL + "/repos/istio/none/releases", Token, "", 404, ""},
	} {
		resp, body := send(t, tt.method, tt.url, tt.token, tt.body)
		if resp.StatusCode != tt.status || !strings.Contains(body, tt.want) {
			t.Errorf("%s %s %s: got %s %s, want %d and %q", tt.method, tt.url, tt.body, resp.Status, body, tt.status, tt.want)
		}
	}
	resp, body := send(t, "GET", repo+"releases", "", "")
	var page []any
	if err := json.Unmarshal([]byte(body), &page); err != nil || len(page) != 30 || !strings.Contains(resp.Header.Get("Link"), `page=2>; rel="next"`) {
		t.Errorf("a page: got %d releases, Link %q, %v", len(page), resp.Header.Get("Link"), err)
	}
	s.Limit(Limit{Status: 403, Reset: time.Unix(2e9, 0)}, Limit{Status: 429, RetryAfter: "7"})
	if resp, _ := send(t, "GET", repo+"releases", "", ""); resp.StatusCode != 403 || resp.Header.Get("X-RateLimit-Reset") != "2000000000" {
		t.Errorf("limited: got %s, %v", resp.Status, resp.Header)
	}
	if resp, body := send(t, "GET", repo+"releases", "", ""); resp.StatusCode != 429 || resp.Header.Get("Retry-After") != "7" || !strings.Contains(body, "secondary rate limit") {
		t.Errorf("limited: got %s, %v", resp.Status, resp.Header)
	}
}

// TestBrokenUpload leaves a starter.
func TestBrokenUpload(t *testing.T) {
	s := New(t)
	s.AddRepo("istio", "api")
	id := s.AddRelease("istio", "api", Release{Tag: "1", Draft: true})
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.uploads.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(conn, "POST /repos/istio/api/releases/%d/assets?name=a HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Length: 100\r\n\r\nhalf", id, Token)
	conn.Close()
	for len(s.Log()) == 0 {
		time.Sleep(time.Millisecond)
	}
	if all := s.Releases("istio", "api")[0].Assets; len(all) != 1 || all[0].State != "starter" {
		t.Errorf("got %+v, want a starter", all)
	}
}

func send(t *testing.T, method, url, token, body string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(data)
}

// TestLatest looks at which release the server calls the latest.
func TestLatest(t *testing.T) {
	old, newer := strings.Repeat("c0", 20), strings.Repeat("d1", 20)
	s := New(t)
	s.AddRepo("istio", "api")
	s.AddCommit("istio", "api", newer, time.Unix(1.8e9, 0))
	s.AddCommit("istio", "api", old, time.Unix(1.7e9, 0))
	repo := s.URL + "/repos/istio/api/releases"
	for _, tt := range []struct {
		name, method, url, body string
		status                  int
		latest                  string // afterwards; empty for none
	}{
		{"none", "GET", repo, "", 200, ""},
		{"a pre-release is not the latest", "POST", repo, `{"tag_name":"1","prerelease":true}`, 201, ""},
		{"nor can it be", "PATCH", repo + "/1", `{"make_latest":"true"}`, 422, ""},
		{"the first one is, whatever it is told", "POST", repo, `{"tag_name":"2","target_commitish":"` + newer + `","make_latest":"false"}`, 201, "2"},
		{"without a mark, the newest commit is", "POST", repo, `{"tag_name":"3","target_commitish":"` + old + `","make_latest":"false"}`, 201, "2"},
		{"a release is marked unless it is told not to be", "POST", repo, `{"tag_name":"4","target_commitish":"` + old + `"}`, 201, "4"},
		{"the mark stays", "POST", repo, `{"tag_name":"5","target_commitish":"` + newer + `","make_latest":"false"}`, 201, "4"},
		{"a draft cannot be marked", "POST", repo, `{"tag_name":"6","draft":true}`, 201, "4"},
		{"even later", "PATCH", repo + "/6", `{"make_latest":"true"}`, 422, "4"},
		{"a draft that is published takes the mark", "PATCH", repo + "/6", `{"draft":false}`, 200, "6"},
		{"a published release is marked", "PATCH", repo + "/2", `{"make_latest":"true"}`, 200, "2"},
		{"its mark is taken off", "PATCH", repo + "/2", `{"make_latest":"false"}`, 200, "5"},
	} {
		if resp, body := send(t, tt.method, tt.url, Token, tt.body); resp.StatusCode != tt.status {
			t.Errorf("%s: got %s %s, want %d", tt.name, resp.Status, body, tt.status)
		}
		_, body := send(t, "GET", repo+"/latest", "", "")
		var got struct {
			Tag     string    `json:"tag_name"`
			Created time.Time `json:"created_at"`
		}
		if err := json.Unmarshal([]byte(body), &got); err != nil || got.Tag != tt.latest {
			t.Errorf("%s: got latest %q, %v, want %q", tt.name, got.Tag, err, tt.latest)
		}
		if want := map[string]int64{"2": 1.8e9, "4": 1.7e9}[got.Tag]; want != 0 && got.Created.Unix() != want {
			t.Errorf("%s: got created_at %v, want the commit's time", tt.name, got.Created)
		}
	}
}
