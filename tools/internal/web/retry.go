package web

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/jasonwzm/release-builder/tools/internal/base/hint"
)

const (
	defaultAttempts = 5
	defaultPause    = 500 * time.Millisecond
	maxPause        = 30 * time.Second
	maxRetryAfter   = 5 * time.Minute
	maxSensible     = 7 * 24 * time.Hour // of what a server asks to wait
)

// Retry repeats what fails. The zero value works.
type Retry struct {
	// Attempts limits the number of attempts. Default 5.
	Attempts int
	// Pause limits the first pause. The limit doubles with each attempt, up to 30 s. A
	// pause is a random time between half the limit and the limit. Default 500 ms.
	Pause time.Duration
	// May reports whether another attempt may succeed, and how long the server asks to
	// wait, or 0. It is called only if there are attempts left. Default [Transient].
	May func(err error) (after time.Duration, again bool)
	// Log prints a line for each error that is followed by another attempt. It may be nil.
	Log func(format string, args ...any)
}

// Do calls f until f returns nil or Wait returns an error. Attempts count from 1.
func (r Retry) Do(ctx context.Context, f func(attempt int) error) error {
	for attempt := 1; ; attempt++ {
		err := f(attempt)
		if err == nil {
			return nil
		}
		if err := r.Wait(ctx, attempt, err); err != nil {
			return err
		}
	}
}

// Wait waits for the next attempt, after one that failed with err, and returns nil. If
// there is no next attempt it returns err. If the server asks to wait for more than 5 min,
// or ctx ends during the pause, it returns an error that wraps err.
func (r Retry) Wait(ctx context.Context, attempt int, err error) error {
	attempts := cmp.Or(r.Attempts, defaultAttempts)
	if attempt >= attempts || ctx.Err() != nil {
		return err
	}
	var after time.Duration
	again := false
	if r.May != nil {
		after, again = r.May(err)
	} else {
		again = Transient(err)
	}
	if !again {
		return err
	}
	if after > maxSensible {
		return hint.With(fmt.Errorf("%w; the server asks us to wait %d days: giving up", err, int(after.Hours())/24), "the server's answer or its clock is wrong: tell who runs it")
	}
	if after > maxRetryAfter {
		until := time.Now().Add(after + time.Second).UTC().Format("2006-01-02 15:04:05 UTC")
		return hint.With(fmt.Errorf("%w; the server asks us to wait %s", err, round(after)), "run this again after %s", until)
	}
	limit := min(maxPause, cmp.Or(r.Pause, defaultPause)<<min(attempt-1, 16))
	pause := limit/2 + rand.N(limit/2+1)
	if after > 0 { // clients with the same Retry-After should not all return at once
		pause = max(pause, after+rand.N(min(limit, time.Second)+1))
	}
	if r.Log != nil {
		r.Log("%v; trying again in %s (attempt %d of %d)", err, round(pause), attempt+1, attempts)
	}
	if ended := Sleep(ctx, pause); ended != nil {
		return fmt.Errorf("%w during the pause after: %w", ended, err)
	}
	return nil
}

// Sleep waits for d. If ctx ends before that, it returns the cause.
func Sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}

// RetryAfter returns how long the server asks to wait: Retry-After (RFC 9110, section
// 10.2.3), in whole seconds or as a date. It is never negative. Other values are ignored.
func RetryAfter(header http.Header) (wait time.Duration, ok bool) {
	return parseRetryAfter(header.Get("Retry-After"), ServerTime(header))
}

// ServerTime returns the time in the header's Date, because this machine's clock may be
// wrong. Without a Date it returns this machine's time.
func ServerTime(header http.Header) time.Time {
	if date, err := http.ParseTime(header.Get("Date")); err == nil {
		return date
	}
	return time.Now()
}

// longest, 68 years, replaces longer times, which could overflow.
const longest = 1 << 31 * time.Second

func parseRetryAfter(value string, now time.Time) (wait time.Duration, ok bool) {
	value = strings.TrimSpace(value)
	if value == "" {
		return 0, false
	}
	if strings.Trim(value, "0123456789") == "" {
		seconds, err := strconv.ParseInt(value, 10, 32)
		if err != nil { // it has too many digits
			return longest, true
		}
		return time.Duration(seconds) * time.Second, true
	}
	if at, err := http.ParseTime(value); err == nil {
		return min(max(0, at.Sub(now)), longest), true
	}
	return 0, false
}

// round formats a duration for people.
func round(d time.Duration) string {
	if d < time.Second {
		return fmt.Sprintf("%d ms", d.Milliseconds())
	}
	if d < time.Minute {
		return strings.TrimSuffix(fmt.Sprintf("%.1f", d.Seconds()), ".0") + " s"
	}
	return d.Round(time.Second).String()
}
