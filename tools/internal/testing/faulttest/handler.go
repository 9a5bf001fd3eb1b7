package faulttest

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Handler returns the layer in front of a service.
func (l *Layer) Handler(service string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name, fault := r.Header.Get(nameHeader), Fault(r.Header.Get(faultHeader))
		r.Header.Del(nameHeader)
		r.Header.Del(faultHeader)
		l.look(service, r)
		if name == "" {
			name, fault = l.next(service, r)
		}
		if fault != "" && !l.first(name) { // net/http itself repeats some requests
			fault = ""
		}
		c := &call{Layer: l, w: w, r: r, next: next, name: name}
		if fault == "" {
			c.carryOut().send(w)
			return
		}
		c.fail(fault)
	})
}

// Trapped returns the handler of a host that nobody should trust: it has nothing.
func (l *Layer) Trapped() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		l.look("another host", r)
		_, _ = io.Copy(io.Discard, r.Body) // else the client may not read the answer
		w.WriteHeader(http.StatusNotFound)
	})
}

// look looks for secrets in a request that the service should not get.
func (l *Layer) look(service string, r *http.Request) {
	var text strings.Builder
	fmt.Fprintln(&text, r.Method, r.URL)
	_ = r.Header.Write(&text) // into memory
	for owner, secret := range l.Secrets {
		for _, form := range []string{secret, url.QueryEscape(secret), base64.StdEncoding.EncodeToString([]byte(secret))} {
			if owner != service && strings.Contains(text.String(), form) {
				l.mu.Lock()
				l.leaks = append(l.leaks, fmt.Sprintf("%s got the secret of %s", service, owner))
				l.mu.Unlock()
			}
		}
	}
}

// Leaks returns the secrets that a service got that should not, since Begin.
func (l *Layer) Leaks() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.leaks)
}

// first reports whether a request that fails did not fail before.
func (l *Layer) first(name string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	was := l.failed
	l.failed = name
	return was != name
}

// A call is a request that is being answered.
type call struct {
	*Layer
	w    http.ResponseWriter
	r    *http.Request
	next http.Handler
	name string
}

// An answer is what the service says.
type answer struct{ *httptest.ResponseRecorder }

// carryOut has the service answer the request.
func (c *call) carryOut() answer {
	rec := httptest.NewRecorder()
	c.next.ServeHTTP(rec, c.r)
	c.date() // not before: the clock may jump in between
	read := c.r.Method == http.MethodGet || c.r.Method == http.MethodHead
	if c.Wrote != nil && !read {
		c.Wrote(c.name)
	}
	return answer{rec}
}

func (a answer) send(w http.ResponseWriter) {
	maps.Copy(w.Header(), a.Header())
	w.WriteHeader(a.Code)
	_, _ = w.Write(a.Body.Bytes()) // the client may have gone
}

// fail answers the request with a fault.
func (c *call) fail(f Fault) {
	switch f {
	case ResetBefore, Refused:
		c.reset(nil)
	case ResetWithin:
		if c.r.ContentLength > 1 {
			_, _ = io.CopyN(io.Discard, c.r.Body, c.r.ContentLength/2) // it breaks here anyway
			c.reset(nil)
			return
		}
		c.part(c.carryOut(), true)
	case Truncated:
		c.part(c.carryOut(), false)
	case Stalled:
		_, _ = io.Copy(io.Discard, c.r.Body) // net/http notices a client's end only after the body
		<-c.r.Context().Done()
	case Lost:
		c.carryOut()
		c.reset(nil)
	case LostBadGateway:
		c.carryOut()
		c.answer(http.StatusBadGateway, "bad gateway", nil)
	case KillBefore, KillAfter:
		if f == KillAfter {
			c.carryOut()
		}
		c.Kill()
		c.reset(nil)
	default:
		c.refuse(f)
	}
}

// refuse answers without carrying out the request.
func (c *call) refuse(f Fault) {
	after := func(value string) map[string]string { return map[string]string{"Retry-After": value} }
	switch f {
	case Broken:
		c.answer(http.StatusInternalServerError, "internal server error", nil)
	case Busy:
		c.answer(http.StatusServiceUnavailable, "service unavailable", nil)
	case LimitedSeconds:
		c.answer(http.StatusTooManyRequests, "too many requests", after("1"))
	case LimitedDate:
		c.answer(http.StatusTooManyRequests, "too many requests", after(c.now().Add(time.Second).UTC().Format(http.TimeFormat)))
	case Secondary:
		c.answer(http.StatusForbidden, `{"message": "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."}`, after("1"))
	case Redirected:
		c.answer(http.StatusTemporaryRedirect, "", map[string]string{"Location": c.Trap + c.r.URL.RequestURI()})
	default:
		panic(fmt.Sprintf("no fault %q", f))
	}
}

// date sets the time of the answer.
func (c *call) date() {
	if c.Clock != nil {
		c.w.Header().Set("Date", c.Clock().UTC().Format(http.TimeFormat))
	}
}

func (c *call) now() time.Time {
	if c.Clock != nil {
		return c.Clock()
	}
	return time.Now()
}

func (c *call) answer(status int, text string, header map[string]string) {
	_, _ = io.Copy(io.Discard, c.r.Body) // else the client may not read the answer
	c.date()
	for key, value := range header {
		c.w.Header().Set(key, value)
	}
	if strings.HasPrefix(text, "{") {
		c.w.Header().Set("Content-Type", "application/json")
	}
	c.w.WriteHeader(status)
	_, _ = io.WriteString(c.w, text) // the client may have gone
}

// part sends half of an answer: half of the body, or, if there is none, half of the status
// line. Then the connection ends, by a reset or as if that were all.
func (c *call) part(a answer, reset bool) {
	var b bytes.Buffer
	body := a.Body.Bytes()
	if len(body) < 2 || c.r.Method == http.MethodHead {
		b.WriteString("HTTP/1.1 20")
	} else {
		fmt.Fprintf(&b, "HTTP/1.1 %d %s\r\n", a.Code, http.StatusText(a.Code))
		header := a.Header().Clone()
		header.Set("Content-Length", fmt.Sprint(len(body)))
		_ = header.Write(&b) // into memory
		b.WriteString("\r\n")
		b.Write(body[:len(body)/2])
	}
	if reset {
		c.reset(b.Bytes())
		return
	}
	conn, ok := c.hijack()
	if !ok {
		return
	}
	_, _ = conn.Write(b.Bytes()) // the client may have gone
	_ = conn.Close()
}

// reset sends some bytes and breaks the connection.
func (c *call) reset(data []byte) {
	conn, ok := c.hijack()
	if !ok {
		return
	}
	if len(data) > 0 {
		_, _ = conn.Write(data)           // the client may have gone
		time.Sleep(10 * time.Millisecond) // a reset discards what was not read yet
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // then Close sends RST
	}
	_ = conn.Close()
}

func (c *call) hijack() (net.Conn, bool) {
	conn, _, err := http.NewResponseController(c.w).Hijack()
	return conn, err == nil
}
