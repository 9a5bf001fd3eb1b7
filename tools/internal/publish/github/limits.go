package github

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/jasonwzm/release-builder/tools/internal/web"
)

// GitHub's limits
// (https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api), and our
// own.
const (
	writesPerMinute = 80
	writesPerHour   = 500
	leastSecondary  = time.Minute
	mostWait        = 90 * time.Minute // a primary limit ends within an hour
	limitedAttempts = 8
	maxLimitBody    = 64 << 10 // bytes of an answer that are read
)

// Limits returns a transport that respects GitHub's rate limits. Destinations with the same
// token should share one as their Config.Transport.
//
//   - 403 or 429 with X-RateLimit-Remaining: 0: all requests wait for
//     X-RateLimit-Reset; so they do after the last answer that was allowed.
//   - 403 or 429 with Retry-After, in seconds or as a date: that long.
//   - Without, if the answer speaks of a secondary limit: a minute, then twice as
//     long each time.
//   - Requests that write wait for a budget of 80 a minute and 500 an hour.
//
// A limited request is sent again if it has no body or a GetBody; else the answer
// is the caller's. Each wait is reported to log, which may be nil, and ends when
// the request's context does.
//
// The answers come without X-RateLimit-Remaining and X-RateLimit-Reset, because of
// which go-github would refuse requests instead of letting them wait.
func Limits(base http.RoundTripper, log func(format string, args ...any)) http.RoundTripper {
	if base == nil {
		base = web.NewTransport()
	}
	if log == nil {
		log = func(string, ...any) {}
	}
	return &limits{base: base, log: log}
}

type limits struct {
	base http.RoundTripper
	log  func(format string, args ...any)

	mu        sync.Mutex
	until     time.Time // no request before
	why       string
	secondary time.Duration // the last wait of our own length
	writes    []time.Time   // of the last hour, oldest first
}

// RoundTrip implements [http.RoundTripper]. It does not use [web.Retry]: a limit delays all
// requests with a token, including new ones, for up to 90 minutes.
func (l *limits) RoundTrip(req *http.Request) (*http.Response, error) {
	for attempt := 1; ; attempt++ {
		if err := l.wait(req); err != nil {
			if req.Body != nil {
				req.Body.Close()
			}
			return nil, err
		}
		resp, err := l.base.RoundTrip(req)
		if err != nil {
			return nil, err
		}
		limited, err := l.learn(resp)
		resp.Header.Del("X-RateLimit-Remaining")
		resp.Header.Del("X-RateLimit-Reset")
		if err != nil {
			resp.Body.Close()
			return nil, err
		}
		if !limited || attempt == limitedAttempts || req.Body != nil && req.GetBody == nil {
			return resp, nil
		}
		resp.Body.Close()
		if req.Body != nil {
			again := req.Clone(req.Context())
			if again.Body, err = req.GetBody(); err != nil {
				return nil, err
			}
			req = again
		}
	}
}

// wait returns when the request may be sent. If it is a write, wait counts it.
func (l *limits) wait(req *http.Request) error {
	write := req.Method != http.MethodGet && req.Method != http.MethodHead
	for {
		d, why := l.reserve(time.Now(), write)
		if d <= 0 {
			return req.Context().Err()
		}
		l.log("waiting %s for %s", seconds(d), why)
		if err := web.Sleep(req.Context(), d); err != nil {
			return err
		}
	}
}

// reserve returns how long to wait and why, or 0; then the request is counted.
func (l *limits) reserve(now time.Time, write bool) (time.Duration, string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if d := l.until.Sub(now); d > 0 {
		return d, l.why
	}
	if !write {
		return 0, ""
	}
	for len(l.writes) > 0 && now.Sub(l.writes[0]) >= time.Hour {
		l.writes = l.writes[1:]
	}
	n := len(l.writes)
	if n >= writesPerHour {
		return time.Hour - now.Sub(l.writes[n-writesPerHour]), fmt.Sprintf("GitHub's write budget (%d an hour)", writesPerHour)
	}
	if n >= writesPerMinute {
		if d := time.Minute - now.Sub(l.writes[n-writesPerMinute]); d > 0 {
			return d, fmt.Sprintf("GitHub's write budget (%d a minute)", writesPerMinute)
		}
	}
	l.writes = append(l.writes, now)
	return 0, ""
}

// learn reports whether an answer is a limit, and records until when.
func (l *limits) learn(resp *http.Response) (bool, error) {
	now := time.Now()
	refused := resp.StatusCode == http.StatusForbidden || resp.StatusCode == http.StatusTooManyRequests
	after, said := web.RetryAfter(resp.Header)
	switch {
	case refused && said:
		return l.hold(now, after, "GitHub's secondary rate limit")
	case resp.Header.Get("X-RateLimit-Remaining") == "0" && resp.Header.Get("X-RateLimit-Reset") != "":
		limited, err := l.hold(now, untilReset(resp), "GitHub's rate limit")
		if !refused {
			return false, nil // the last allowed request
		}
		return limited, err
	case !refused:
		l.succeed(now, resp)
		return false, nil
	}
	head, err := io.ReadAll(io.LimitReader(resp.Body, maxLimitBody))
	if err != nil {
		return false, fmt.Errorf("reading the answer %s: %w", resp.Status, err)
	}
	resp.Body = &rest{io.MultiReader(bytes.NewReader(head), resp.Body), resp.Body}
	text := strings.ToLower(string(head))
	if resp.StatusCode == http.StatusForbidden && !strings.Contains(text, "secondary rate limit") && !strings.Contains(text, "abuse detection") {
		return false, nil // no permission
	}
	return l.hold(now, l.grow(now), "GitHub's secondary rate limit")
}

// hold delays all requests for the duration.
func (l *limits) hold(now time.Time, d time.Duration, why string) (bool, error) {
	if d > mostWait {
		return false, fmt.Errorf("%s lasts for %s, want at most %s", why, seconds(d), seconds(mostWait))
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if until := now.Add(max(d, time.Second)); until.After(l.until) {
		l.until, l.why = until, why
	}
	return true, nil
}

// grow returns how long to wait if GitHub does not say. Concurrent requests count once.
func (l *limits) grow(now time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now.Before(l.until) {
		return l.until.Sub(now)
	}
	l.secondary = min(max(2*l.secondary, leastSecondary), mostWait)
	return l.secondary
}

func (l *limits) succeed(now time.Time, resp *http.Response) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if resp.StatusCode < 300 && !now.Before(l.until) {
		l.secondary = 0
	}
}

// untilReset returns how long the primary limit lasts, plus a second because the header is
// rounded.
func untilReset(resp *http.Response) time.Duration {
	n, err := strconv.ParseInt(resp.Header.Get("X-RateLimit-Reset"), 10, 64)
	if err != nil {
		return leastSecondary
	}
	return max(0, time.Unix(n, 0).Sub(web.ServerTime(resp.Header))) + time.Second
}

// rest is an answer whose beginning was already read.
type rest struct {
	io.Reader
	io.Closer
}

// seconds formats a duration for people, rounded up.
func seconds(d time.Duration) string {
	return fmt.Sprintf("%d s", (d+time.Second-1)/time.Second)
}
