package web

import (
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// Hosts is a transport that remembers what the answers of servers tell about them.
type Hosts struct {
	base http.RoundTripper
	mu   sync.Mutex
	seen map[string]Host
}

// A Host is a server that answered.
type Host struct {
	// Name is its name, with the port if the URL has one.
	Name string
	// Skew is how far this machine's clock is ahead of the server's; 0 if it is less than a
	// second or the time that the answer took. Dated says whether the server told
	// its time.
	Skew  time.Duration
	Dated bool
	// Expires is the end of its certificate; zero without TLS.
	Expires time.Time
}

// Watch returns a transport that sends requests by base.
func Watch(base http.RoundTripper) *Hosts { return &Hosts{base: base, seen: map[string]Host{}} }

// RoundTrip implements [http.RoundTripper].
func (h *Hosts) RoundTrip(req *http.Request) (*http.Response, error) {
	began := time.Now()
	resp, err := h.base.RoundTrip(req)
	if err == nil {
		h.learn(resp, began, time.Now())
	}
	return resp, err
}

func (h *Hosts) learn(resp *http.Response, began, ended time.Time) {
	if resp.Request == nil {
		return
	}
	host := Host{Name: resp.Request.URL.Host}
	if date, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
		host.Dated = true
		// The time of the answer is between the two, and has no fractions of a second.
		switch late := date.Add(time.Second); {
		case began.After(late):
			host.Skew = began.Sub(late)
		case ended.Before(date):
			host.Skew = ended.Sub(date)
		}
	}
	if resp.TLS != nil && len(resp.TLS.PeerCertificates) > 0 {
		host.Expires = resp.TLS.PeerCertificates[0].NotAfter
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if old, ok := h.seen[host.Name]; !ok || !old.Dated || host.Dated && host.Skew.Abs() < old.Skew.Abs() {
		h.seen[host.Name] = host
	}
}

// Seen returns the servers that answered, sorted by name.
func (h *Hosts) Seen() []Host {
	h.mu.Lock()
	defer h.mu.Unlock()
	var all []Host
	for _, host := range h.seen {
		all = append(all, host)
	}
	slices.SortFunc(all, func(a, b Host) int { return strings.Compare(a.Name, b.Name) })
	return all
}
