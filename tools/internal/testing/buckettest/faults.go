package buckettest

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"sync"
)

// A Fault is what happens to one request.
type Fault string

const (
	Cut    Fault = "cut"    // the connection breaks before the service gets it
	Lost   Fault = "lost"   // the service gets it, but its answer is lost
	Broken Fault = "broken" // the service answers 500
	Short  Fault = "short"  // the connection breaks within the answer
)

// Faults is a transport on which request number At, counted from 1, fails. From then on it
// calls Then, if that is set, for example to stop all work as a crash does.
type Faults struct {
	At    int
	Fault Fault
	Then  func()

	mu sync.Mutex
	n  int
}

// Requests returns the number of requests.
func (f *Faults) Requests() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.n
}

// RoundTrip implements [http.RoundTripper].
func (f *Faults) RoundTrip(req *http.Request) (*http.Response, error) {
	f.mu.Lock()
	f.n++
	hit := f.n == f.At
	f.mu.Unlock()
	if !hit {
		return http.DefaultTransport.RoundTrip(req)
	}
	if f.Then != nil {
		defer f.Then()
	}
	broken := errors.New("read: connection reset by peer")
	if f.Fault == Cut || f.Fault == Broken {
		if req.Body != nil {
			req.Body.Close()
		}
	}
	switch f.Fault {
	case Cut:
		return nil, broken
	case Broken:
		return &http.Response{
			Status: "500 Internal Server Error", StatusCode: http.StatusInternalServerError, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
			Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(nil)), Request: req,
		}, nil
	}
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(res.Body)
	res.Body.Close()
	if err != nil {
		return nil, err
	}
	if f.Fault == Lost {
		return nil, broken
	}
	res.Body = io.NopCloser(io.MultiReader(bytes.NewReader(data[:len(data)/2]), failing{io.ErrUnexpectedEOF}))
	return res, nil
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }
