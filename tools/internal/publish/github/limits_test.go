package github

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jasonwzm/release-builder/tools/internal/publish"
	"github.com/jasonwzm/release-builder/tools/internal/testing/githubtest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/releasetest"
)

// answers is a transport that gives answers one after the other, then 200.
type answers struct {
	list []func() *http.Response
	got  []string // bodies of requests
	at   []time.Duration
	zero time.Time
}

func (a *answers) RoundTrip(req *http.Request) (*http.Response, error) {
	body := ""
	if req.Body != nil {
		data, err := io.ReadAll(req.Body)
		if err != nil {
			return nil, err
		}
		body = string(data)
		req.Body.Close()
	}
	a.got, a.at = append(a.got, body), append(a.at, time.Since(a.zero))
	if len(a.list) == 0 {
		return response(200, "{}"), nil
	}
	f := a.list[0]
	a.list = a.list[1:]
	return f(), nil
}

func response(status int, body string, headers ...string) *http.Response {
	h := http.Header{}
	for i := 0; i < len(headers); i += 2 {
		h.Set(headers[i], headers[i+1])
	}
	return &http.Response{StatusCode: status, Status: http.StatusText(status), Header: h, Body: io.NopCloser(strings.NewReader(body))}
}

func request(t *testing.T, ctx context.Context, method, body string) *http.Request {
	var r io.Reader
	if body != "" {
		r = bytes.NewReader([]byte(body))
	}
	req, err := http.NewRequestWithContext(ctx, method, "https://api.github.com/x", r)
	if err != nil {
		t.Fatal(err)
	}
	return req
}

// TestLimits looks at when a request is sent again, in time that passes by itself.
func TestLimits(t *testing.T) {
	const secondary = `{"message":"You have exceeded a secondary rate limit."}`
	in := func(d time.Duration) string { return strconv.FormatInt(time.Now().Add(d).Unix(), 10) }
	for _, tt := range []struct {
		name    string
		answers []func() *http.Response
		at      []time.Duration // of the requests
		status  int
		log     []string
	}{
		{"primary", []func() *http.Response{
			func() *http.Response {
				return response(403, "x", "X-RateLimit-Remaining", "0", "X-RateLimit-Reset", in(10*time.Minute))
			},
		}, []time.Duration{0, 10*time.Minute + time.Second}, 200, []string{"waiting 601 s for GitHub's rate limit"}},
		{"primary, clocks differ", []func() *http.Response{
			func() *http.Response {
				return response(429, "x", "X-RateLimit-Remaining", "0", "X-RateLimit-Reset", in(10*time.Minute), "Date", time.Now().Add(9*time.Minute).UTC().Format(http.TimeFormat))
			},
		}, []time.Duration{0, 61 * time.Second}, 200, []string{"waiting 61 s for GitHub's rate limit"}},
		{"primary, too long", []func() *http.Response{
			func() *http.Response {
				return response(403, "x", "X-RateLimit-Remaining", "0", "X-RateLimit-Reset", in(24*time.Hour))
			},
		}, []time.Duration{0}, 0, nil},
		{"Retry-After in seconds", []func() *http.Response{
			func() *http.Response { return response(429, "x", "Retry-After", "30") },
		}, []time.Duration{0, 30 * time.Second}, 200, []string{"waiting 30 s for GitHub's secondary rate limit"}},
		{"Retry-After as a date", []func() *http.Response{
			func() *http.Response {
				return response(403, secondary, "Retry-After", time.Now().Add(40*time.Second).UTC().Format(http.TimeFormat))
			},
		}, []time.Duration{0, 40 * time.Second}, 200, []string{"waiting 40 s for GitHub's secondary rate limit"}},
		{"secondary, growing", []func() *http.Response{
			func() *http.Response { return response(403, secondary) },
			func() *http.Response { return response(429, "") },
			func() *http.Response {
				return response(403, `{"message":"You have triggered an abuse detection mechanism"}`)
			},
		}, []time.Duration{0, time.Minute, 3 * time.Minute, 7 * time.Minute}, 200,
			[]string{"waiting 60 s for GitHub's secondary rate limit", "waiting 120 s for GitHub's secondary rate limit", "waiting 240 s for GitHub's secondary rate limit"}},
		{"no permission", []func() *http.Response{
			func() *http.Response { return response(403, `{"message":"Resource not accessible"}`) },
		}, []time.Duration{0}, 403, nil},
		{"forever", slices.Repeat([]func() *http.Response{func() *http.Response { return response(429, "", "Retry-After", "1") }}, 20),
			[]time.Duration{0, 1e9, 2e9, 3e9, 4e9, 5e9, 6e9, 7e9}, 429, slices.Repeat([]string{"waiting 1 s for GitHub's secondary rate limit"}, 7)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				base := &answers{list: tt.answers, zero: time.Now()}
				var log []string
				l := Limits(base, func(format string, args ...any) { log = append(log, fmt.Sprintf(format, args...)) })
				resp, err := l.RoundTrip(request(t, t.Context(), "POST", "content"))
				if tt.status == 0 {
					contains(t, err, "GitHub's rate limit lasts for 86401 s, want at most 5400 s")
				} else if err != nil || resp.StatusCode != tt.status {
					t.Fatalf("got %v, %v, want status %d", resp, err, tt.status)
				}
				if !slices.Equal(base.at, tt.at) || !slices.Equal(log, tt.log) {
					t.Errorf("got requests at %v, log %q; want %v, %q", base.at, log, tt.at, tt.log)
				}
				for _, body := range base.got {
					if body != "content" {
						t.Errorf("got body %q, want all of it each time", body)
					}
				}
				if tt.status != 403 {
					return
				}
				if data, err := io.ReadAll(resp.Body); string(data) != `{"message":"Resource not accessible"}` || err != nil {
					t.Errorf("got body %q, %v, want all of it", data, err)
				}
			})
		})
	}
}

// TestLastAllowed waits after the last answer that the primary limit allows.
func TestLastAllowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		base := &answers{zero: time.Now(), list: []func() *http.Response{func() *http.Response {
			return response(200, "{}", "X-RateLimit-Remaining", "0", "X-RateLimit-Reset", strconv.FormatInt(time.Now().Add(time.Minute).Unix(), 10))
		}}}
		l := Limits(base, nil)
		for range 2 {
			resp, err := l.RoundTrip(request(t, t.Context(), "GET", ""))
			if err != nil || resp.StatusCode != 200 || resp.Header.Get("X-RateLimit-Reset") != "" {
				t.Fatalf("got %v, %v", resp, err)
			}
		}
		if want := []time.Duration{0, 61 * time.Second}; !slices.Equal(base.at, want) {
			t.Errorf("got %v, want %v", base.at, want)
		}
	})
}

// TestBudget makes a thousand writes, and reads, which are free.
func TestBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		base := &answers{zero: time.Now()}
		var log []string
		l := Limits(base, func(format string, args ...any) { log = append(log, fmt.Sprintf(format, args...)) })
		for range 1000 {
			for _, method := range []string{"POST", "GET"} {
				if _, err := l.RoundTrip(request(t, t.Context(), method, "")); err != nil {
					t.Fatal(err)
				}
			}
		}
		for i, at := range base.at {
			if i%2 == 1 {
				continue
			}
			if i >= 160 && at-base.at[i-160] < time.Minute || i >= 1000 && at-base.at[i-1000] < time.Hour {
				t.Fatalf("write %d at %v, %v", i/2, at, base.at[max(0, i-160)])
			}
		}
		if got, want := base.at[len(base.at)-1], time.Hour+6*time.Minute; got > want {
			t.Errorf("a thousand writes took %v, want at most %v", got, want)
		}
		if log[0] != "waiting 60 s for GitHub's write budget (80 a minute)" || !slices.Contains(log, "waiting 3240 s for GitHub's write budget (500 an hour)") {
			t.Errorf("got %q", log)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		begin := time.Now()
		var err error
		for err == nil {
			_, err = l.RoundTrip(request(t, ctx, "POST", ""))
		}
		if d := time.Since(begin); d > time.Second || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("cancelled: got %v after %v", err, d)
		}
	})
}

// TestLimited publishes to a GitHub that refuses requests now and then. Those waits
// are real, so they are short.
func TestLimited(t *testing.T) {
	s, tree := start(t), releasetest.Open(t, releasetest.Make(t, args()))
	d := open(t, s, tree)
	items := mustPlan(t, d)
	s.Limit(githubtest.Limit{Status: 403, Reset: time.Now()})
	var r recorder
	if err := apply(t.Context(), d, items, r.report); err != nil {
		t.Fatal(err)
	}
	checkPublished(t, s)
	s.AddRepo(owner, repo, commit)
	upload := 0 // the number of the request that sends the first asset
	f := &faulty{base: transport(t), mode: "call", at: 9, onNth: func() {
		upload = len(s.Log())
		s.Limit(githubtest.Limit{Status: 429, RetryAfter: "0"})
	}}
	d = open(t, s, tree, func(c *Config) { c.Transport, c.Jobs = f, 1 })
	items, r = mustPlan(t, d), recorder{}
	if err := d.Apply(t.Context(), publish.Upload, todo(items, publish.Upload), r.report); err != nil {
		t.Fatal(err)
	}
	if limited, again := s.Log()[upload], s.Log()[upload+1]; limited.Host != "uploads" || limited.Status != 429 || again.URL != limited.URL || again.Status != 201 {
		t.Errorf("got %+v, then %+v, want an upload that is limited, then it again", limited, again)
	}
	var want int64
	for _, a := range d.assets {
		want += a.Size
	}
	if r.bytes != want {
		t.Errorf("reported: got %d bytes, want %d", r.bytes, want)
	}
}
