// Package faulttest makes one request of many fail. A [Layer] stands in front of services on
// loopback. It names each request, so that a test can count them and then, in another run,
// let the one with a given name fail.
package faulttest

import (
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// A Fault is what happens to one request.
type Fault string

// Faults of the network, in the order in which a request meets them.
const (
	Refused     Fault = "refused"      // nobody listens; see [Layer.Transport]
	ResetBefore Fault = "reset-before" // the connection breaks before the service reads the body
	ResetWithin Fault = "reset-within" // it breaks in the middle of the request's body, or of the answer
	Stalled     Fault = "stalled"      // the service says nothing until the client gives up
	Lost        Fault = "lost"         // the service does it, then the connection breaks
	Truncated   Fault = "truncated"    // the service does it, but half of its answer is missing
)

// Faults of the service.
const (
	LostBadGateway Fault = "lost-502"      // it does it, but says that it did not
	Broken         Fault = "500"           // it does nothing
	Busy           Fault = "503"           // it does nothing, and names no time to wait
	LimitedSeconds Fault = "429-seconds"   // it does nothing, and asks to wait a second
	LimitedDate    Fault = "429-date"      // the same, as a date
	Secondary      Fault = "403-secondary" // GitHub's limit of how fast requests may come
	Redirected     Fault = "redirected"    // it does nothing, and sends the client to another host
)

// Faults of this machine.
const (
	KillBefore Fault = "kill-before" // the process ends before the service gets the request
	KillAfter  Fault = "kill-after"  // the process ends before it gets the answer
)

// All returns all faults.
func All() []Fault {
	return []Fault{
		Refused, ResetBefore, ResetWithin, Stalled, Lost, Truncated, LostBadGateway, Broken, Busy, LimitedSeconds, LimitedDate, Secondary, Redirected, KillBefore, KillAfter,
	}
}

// Kills reports whether a fault ends the process.
func (f Fault) Kills() bool { return f == KillBefore || f == KillAfter }

// CarriedOut reports whether the service does what the request asks for.
func (f Fault) CarriedOut() bool {
	return slices.Contains([]Fault{Lost, Truncated, LostBadGateway, KillAfter}, f)
}

// A Layer is in front of the services of one test. It is safe for concurrent use.
type Layer struct {
	// Version is replaced in the names of requests, so that releases have the same names.
	Version string
	// Kill ends the process that sends the requests. Run sets it.
	Kill func()
	// Secrets are what only one service may receive, by the service.
	Secrets map[string]string
	// Trap is the URL of the host to which Redirected leads: a server with the handler Trapped.
	Trap string
	// Clock is what the services' clocks show. If it is nil, they show the time of this machine.
	Clock func() time.Time
	// Wrote is called after each request that may have changed something, before its answer
	// is sent. It may be nil.
	Wrote func(name string)

	mu    sync.Mutex
	log   []string
	count map[string]int
	at    string
	fault Fault
	hit   bool
	// failed is the last request that failed.
	failed string
	leaks  []string
}

// New makes a layer in which nothing fails.
func New() *Layer { return &Layer{count: map[string]int{}} }

// Run runs a process that a fault may end, and returns its error.
func (l *Layer) Run(cmd *exec.Cmd) error {
	started := make(chan bool)
	l.Kill = func() {
		<-started
		_ = cmd.Process.Kill() // it may have ended
	}
	err := cmd.Start()
	close(started)
	if err != nil {
		return err
	}
	return cmd.Wait()
}

// Begin begins a run in which the request with a name fails, or the first one with a service
// and a method, such as "registry PUT". Empty names are of none.
func (l *Layer) Begin(version, at string, fault Fault) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.Version, l.log, l.count, l.at, l.fault, l.hit, l.failed, l.leaks = version, nil, map[string]int{}, at, fault, false, "", nil
}

// Log returns the names of the requests since Begin, in the order in which they came. Each
// name is there once.
func (l *Layer) Log() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.log)
}

// Hit reports whether the request that was to fail has come.
func (l *Layer) Hit() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.hit
}

var (
	hexadecimal = regexp.MustCompile(`[0-9a-f]{12,}(-[0-9a-f]{4,})*`)
	number      = regexp.MustCompile(`\b[0-9]+\b`)
	random      = regexp.MustCompile(`(?i)(upload_?id=|/uploads/)[^&]+`)
)

// unnamed are the keys of queries whose values differ from run to run.
var unnamed = []string{"_state", "digest", "fields", "generation", "ifGenerationMatch", "prettyPrint", "sig", "x-id"}

// name names a request to a service: the method, the path and the query, without what differs
// from run to run, and the number of earlier ones of that name.
func (l *Layer) name(service string, r *http.Request) string {
	query := r.URL.Query()
	for key := range query {
		if strings.HasPrefix(key, "X-Amz-") || slices.Contains(unnamed, key) {
			query.Del(key)
		}
	}
	address := r.URL.Path
	if len(query) > 0 {
		address += "?" + query.Encode()
	}
	if text, err := url.QueryUnescape(address); err == nil {
		address = text
	}
	if l.Version != "" {
		address = strings.ReplaceAll(address, l.Version, "V")
	}
	address = random.ReplaceAllString(address, "${1}U")
	address = hexadecimal.ReplaceAllString(address, "H")
	address = number.ReplaceAllString(address, "N")
	name := service + " " + r.Method + " " + address
	l.count[name]++
	return fmt.Sprintf("%s #%d", name, l.count[name])
}

// next logs a request and returns its name, and the fault that it meets or "".
func (l *Layer) next(service string, r *http.Request) (string, Fault) {
	l.mu.Lock()
	defer l.mu.Unlock()
	name := l.name(service, r)
	l.log = append(l.log, name)
	if (name != l.at && service+" "+r.Method != l.at) || l.hit {
		return name, ""
	}
	l.hit = true
	return name, l.fault
}

// Headers that carry a request's name and its fault from Transport to Handler.
const (
	nameHeader  = "X-Fault-Name"
	faultHeader = "X-Fault"
)

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// Transport returns a transport that refuses connections if that is the fault. Services are
// names by address, such as 127.0.0.1:1234. Requests of clients with another transport have
// the same names, but reach the service even if the fault is Refused.
func (l *Layer) Transport(base http.RoundTripper, services map[string]string) http.RoundTripper {
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		service, ok := services[r.URL.Host]
		if !ok {
			return base.RoundTrip(r)
		}
		name, fault := l.next(service, r)
		if fault == Refused {
			if r.Body != nil {
				r.Body.Close()
			}
			return nil, &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
		}
		sent := r.Clone(r.Context())
		sent.Header.Set(nameHeader, name)
		sent.Header.Set(faultHeader, string(fault))
		return base.RoundTrip(sent)
	})
}
