package web_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"crypto/x509"

	"github.com/jasonwzm/release-builder/tools/internal/base/cli"
	"github.com/jasonwzm/release-builder/tools/internal/web"
)

// fake answers attempts in turn: with a status for an int, or with an error. After the
// last one it answers 200.
type fake struct {
	answers []any
	header  http.Header
	mu      sync.Mutex
	bodies  []string
	open    int // answers that were not closed
}

func (f *fake) RoundTrip(req *http.Request) (*http.Response, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var body []byte
	if req.Body != nil {
		body, _ = io.ReadAll(req.Body)
		_ = req.Body.Close()
	}
	n := len(f.bodies)
	f.bodies = append(f.bodies, string(body))
	status := http.StatusOK
	if n < len(f.answers) {
		switch a := f.answers[n].(type) {
		case error:
			return nil, a
		case int:
			status = a
		}
	}
	f.open++
	header := http.Header{}
	if status != http.StatusOK && f.header != nil {
		header = f.header.Clone()
	}
	return &http.Response{StatusCode: status, Header: header, Request: req, Body: &answer{strings.NewReader("answer"), f}}, nil
}

type answer struct {
	io.Reader
	fake *fake
}

func (b *answer) Close() error { b.fake.open--; return nil }

// request returns a request. Its body can be read again, unless once is set.
func request(ctx context.Context, method, body string, once bool) *http.Request {
	var r io.Reader
	if body != "" {
		r = strings.NewReader(body)
	}
	req, err := http.NewRequestWithContext(ctx, method, "https://user:hunter2@api.example/path?X-Signature=s3cr3t", r)
	if err != nil {
		panic(err)
	}
	if once {
		req.GetBody = nil
	}
	return req
}

func hints(err error) string {
	var b strings.Builder
	cli.Fail(&b, "x", err)
	return b.String()
}

// TestRetry checks which requests are repeated.
func TestRetry(t *testing.T) {
	reset := &net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET}
	refused := &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	noHost := &net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "no such host", Name: "api.example", IsNotFound: true}}
	slowDNS := &net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "timeout", Name: "api.example", IsTimeout: true}}
	for _, tt := range []struct {
		name    string
		method  string
		body    string
		once    bool   // the body cannot be read again
		after   string // Retry-After
		answers []any
		sent    int
		status  int // 0 for an error
	}{
		{"fine", "GET", "", false, "", nil, 1, 200},
		{"GET", "GET", "", false, "", []any{503, 500, 502, 504}, 5, 200},
		{"GET too often", "GET", "", false, "", []any{503, 503, 503, 503, 503, 503}, 5, 503},
		{"408, 425, 429", "GET", "", false, "", []any{408, 425, 429}, 4, 200},
		{"404", "GET", "", false, "", []any{404}, 1, 404},
		{"501", "GET", "", false, "", []any{501}, 1, 501},
		{"412", "PUT", "x", false, "", []any{412}, 1, 412},
		{"HEAD", "HEAD", "", false, "", []any{500}, 2, 200},
		{"PUT", "PUT", "x", false, "", []any{reset, 500}, 3, 200},
		{"PUT once", "PUT", "x", true, "", []any{500}, 1, 500},
		{"PUT once, reset", "PUT", "x", true, "", []any{reset}, 1, 0},
		{"DELETE", "DELETE", "", false, "", []any{io.ErrUnexpectedEOF}, 2, 200},
		{"POST", "POST", "x", false, "", []any{500}, 1, 500},
		{"POST 503", "POST", "x", false, "", []any{503}, 1, 503},
		{"POST 503 with Retry-After", "POST", "x", false, "1", []any{503}, 2, 200},
		{"POST once, 503 with Retry-After", "POST", "x", true, "1", []any{503}, 1, 503},
		{"POST 429", "POST", "x", false, "", []any{429}, 2, 200},
		{"POST reset", "POST", "x", false, "", []any{reset}, 1, 0},
		{"PATCH", "PATCH", "x", false, "", []any{500}, 1, 500},
		{"EOF", "GET", "", false, "", []any{io.EOF, refused, slowDNS}, 4, 200},
		{"errors too often", "GET", "", false, "", []any{reset, reset, reset, reset, reset}, 5, 0},
		{"no such host", "GET", "", false, "", []any{noHost}, 1, 0},
		{"certificate", "GET", "", false, "", []any{x509.UnknownAuthorityError{}}, 1, 0},
		{"some error", "GET", "", false, "", []any{errors.New("no")}, 1, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &fake{answers: tt.answers, header: http.Header{}}
				if tt.after != "" {
					f.header.Set("Retry-After", tt.after)
				}
				var log []string
				tr := web.New(web.Config{Base: f, Retry: web.Retry{Log: func(format string, args ...any) { log = append(log, fmt.Sprintf(format, args...)) }}})
				resp, err := tr.RoundTrip(request(t.Context(), tt.method, tt.body, tt.once))
				switch {
				case (err == nil) != (tt.status != 0) || err == nil && resp.StatusCode != tt.status:
					t.Errorf("got %+v, %v, want status %d", resp, err, tt.status)
				case err == nil:
					if got, err := io.ReadAll(resp.Body); string(got) != "answer" || err != nil || resp.Body.Close() != nil {
						t.Errorf("body: got %q, %v", got, err)
					}
				}
				if len(f.bodies) != tt.sent || len(log) != tt.sent-1 || slices.ContainsFunc(f.bodies, func(b string) bool { return b != tt.body }) {
					t.Errorf("got attempts %q, log %q, want %d of %q", f.bodies, log, tt.sent, tt.body)
				}
				if f.open != 0 {
					t.Errorf("%d answers were not closed", f.open)
				}
				for _, line := range append(log, fmt.Sprint(err)) {
					for _, secret := range []string{"hunter2", "s3cr3t", "/path", "Signature"} {
						if strings.Contains(line, secret) {
							t.Errorf("got %q, want it without %q", line, secret)
						}
					}
				}
			})
		})
	}
}

// TestPauses checks the length of pauses and the log.
func TestPauses(t *testing.T) {
	for _, tt := range []struct {
		name     string
		after    func(now time.Time) string
		min, max time.Duration
		err      string
	}{
		{"back-off", func(time.Time) string { return "" }, 0, 500 * time.Millisecond, ""},
		{"seconds", func(time.Time) string { return "7" }, 7 * time.Second, 8 * time.Second, ""},
		{"zero", func(time.Time) string { return "0" }, 0, time.Second, ""},
		{"date", func(now time.Time) string { return now.Add(20 * time.Second).UTC().Format(http.TimeFormat) }, 19 * time.Second, 21 * time.Second, ""},
		{"date that has been", func(now time.Time) string { return now.Add(-time.Hour).UTC().Format(http.TimeFormat) }, 0, time.Second, ""},
		{"garbage", func(time.Time) string { return "soon" }, 0, 500 * time.Millisecond, ""},
		{"the longest", func(time.Time) string { return "300" }, 300 * time.Second, 301 * time.Second, ""},
		{"too long", func(time.Time) string { return "301" }, 0, 0, "asks us to wait 5m1s"},
		{"far too long", func(time.Time) string { return "99999999999999999999999" }, 0, 0, "asks us to wait 24855 days: giving up"},
		{"negative", func(time.Time) string { return "-5" }, 0, 500 * time.Millisecond, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				f := &fake{answers: []any{503}, header: http.Header{"Retry-After": {tt.after(start)}}}
				var log string
				tr := web.New(web.Config{Base: f, Retry: web.Retry{Log: func(format string, args ...any) { log = fmt.Sprintf(format, args...) }}})
				resp, err := tr.RoundTrip(request(t.Context(), "GET", "", false))
				took := time.Since(start)
				if tt.err != "" {
					hint := "run this again after 2"
					if strings.HasSuffix(tt.err, "giving up") {
						hint = "the server's answer or its clock is wrong"
					}
					if err == nil || !strings.Contains(err.Error(), "api.example: got status 503; the server "+tt.err) || !strings.Contains(hints(err), hint) || took > 0 || f.open != 0 {
						t.Errorf("got %v after %v, hints %q", err, took, hints(err))
					}
					return
				}
				if err != nil || took < tt.min || took > tt.max {
					t.Errorf("got %v after %v, want %v to %v", err, took, tt.min, tt.max)
				}
				if !strings.HasPrefix(log, "api.example: got status 503; trying again in ") || !strings.HasSuffix(log, "s (attempt 2 of 5)") {
					t.Errorf("log: got %q", log)
				}
				_ = resp.Body.Close()
			})
		})
	}
	synctest.Test(t, func(t *testing.T) { // doubling, at most 30 s
		start := time.Now()
		f := &fake{answers: slices.Repeat([]any{500}, 99)}
		resp, err := web.New(web.Config{Base: f, Retry: web.Retry{Attempts: 100}}).RoundTrip(request(t.Context(), "GET", "", false))
		if took := time.Since(start); err != nil || resp.StatusCode != 200 || took > 99*30*time.Second || took < 99*5*time.Second {
			t.Errorf("got %v after %v", err, took)
		}
		_ = resp.Body.Close()
	})
	synctest.Test(t, func(t *testing.T) { // cancelled in a pause
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		f := &fake{answers: []any{503}, header: http.Header{"Retry-After": {"60"}}}
		start := time.Now()
		_, err := web.New(web.Config{Base: f}).RoundTrip(request(ctx, "GET", "", false))
		if took := time.Since(start); !errors.Is(err, context.Canceled) || took != time.Second {
			t.Errorf("got %v after %v", err, took)
		}
	})
}

// TestSecrets checks that errors have no secrets.
func TestSecrets(t *testing.T) {
	leak := errors.New(`dialing https://user:hunter2@api.example/path?X-Signature=s3cr3t: X-Signature=s3cr3t and hunter2 are wrong`)
	tr := web.New(web.Config{Base: &fake{answers: []any{leak}}})
	_, err := tr.RoundTrip(request(t.Context(), "GET", "", false))
	if !errors.Is(err, leak) || strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "s3cr3t") || !strings.Contains(err.Error(), "https://api.example/path") {
		t.Errorf("got %v", err)
	}
	_, err = web.Client(tr).Do(request(t.Context(), "GET", "", false))
	if err != nil {
		t.Fatal("the second attempt is fine")
	}
	wrapped := fmt.Errorf("a: %w", &url.Error{Op: "Get", URL: "https://u@api.example/a?t=s3cr3t#x", Err: io.EOF})
	if got := web.Redact(wrapped); got.Error() != `a: Get "https://api.example/a": EOF` || !errors.Is(got, io.EOF) {
		t.Errorf("got %v", got)
	}
	plain := errors.New("is this it?")
	if web.Redact(nil) != nil || web.Redact(plain) != plain {
		t.Error("an error without a URL has changed")
	}
}

// TestBodyAgain checks the error for a body that cannot be read again.
func TestBodyAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		req := request(t.Context(), "PUT", "x", false)
		req.GetBody = func() (io.ReadCloser, error) { return nil, errors.New("gone") }
		_, err := web.New(web.Config{Base: &fake{answers: []any{500}}}).RoundTrip(req)
		if err == nil || !strings.Contains(err.Error(), "reading the request's body again: gone") {
			t.Errorf("got %v", err)
		}
	})
}
