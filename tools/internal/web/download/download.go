// Package download reads a file from the web, or from a file URL, as a stream that ends
// without an error only if it is complete.
//
// It retries errors that may pass (a broken connection, or a server that is silent,
// overloaded or restarting) and resumes. It does not verify content: the store does.
package download

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/jasonwzm/release-builder/tools/internal/base/hint"
	"github.com/jasonwzm/release-builder/tools/internal/web"
)

// The defaults of Args.
const (
	DefaultMaxSize  = 4 << 30 // bytes
	DefaultTimeout  = time.Minute
	DefaultAttempts = 5
	DefaultBackoff  = time.Second
)

// Args are the arguments of a download. Only URL is required.
type Args struct {
	// URL is an http, https or file URL.
	URL string
	// MaxSize limits the size of the file, in bytes. 0 means DefaultMaxSize.
	MaxSize int64
	// Timeout limits the time in which the server sends nothing, or less than 1000 bytes
	// a second. 0 means DefaultTimeout.
	Timeout time.Duration
	// Attempts limits the number of requests. 0 means DefaultAttempts.
	Attempts int
	// Backoff is the Pause of a [web.Retry]. 0 means DefaultBackoff.
	Backoff time.Duration
	// Progress is called with the number of bytes so far and in total, or -1 if the total
	// is unknown. It may be nil.
	Progress func(done, total int64)
	// Transport makes the requests. Nil means one of [web.NewTransport].
	Transport http.RoundTripper
}

// Fetch implements store.Fetcher.
func (a Args) Fetch(ctx context.Context) (io.ReadCloser, error) { return Get(ctx, a) }

// Get starts a download. Reading the stream fails if the file is truncated or larger than
// MaxSize, or changed between two attempts. Errors have the URL, without user and query.
func Get(ctx context.Context, a Args) (io.ReadCloser, error) {
	u, err := url.Parse(a.URL)
	if err != nil {
		return nil, fmt.Errorf("parsing a URL to download: it is not valid") // err would show it
	}
	a.setDefaults()
	switch u.Scheme {
	case "file":
		return openFile(u, &a)
	case "http", "https":
	default:
		return nil, fmt.Errorf("downloading %q: scheme: got %q, want http, https or file", web.Shown(u), u.Scheme)
	}
	s := newStream(ctx, u, &a)
	if err := s.connect(); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

func (a *Args) setDefaults() {
	if a.MaxSize <= 0 {
		a.MaxSize = DefaultMaxSize
	}
	if a.Timeout <= 0 {
		a.Timeout = DefaultTimeout
	}
	if a.Attempts <= 0 {
		a.Attempts = DefaultAttempts
	}
	if a.Backoff <= 0 {
		a.Backoff = DefaultBackoff
	}
	if a.Progress == nil {
		a.Progress = func(int64, int64) {}
	}
}

// tooLarge returns the error for a file that has at least size bytes.
func tooLarge(size, limit int64) error {
	return fmt.Errorf("size: got %d bytes or more, want at most %d", size, limit)
}

// openFile opens a file on this machine.
func openFile(u *url.URL, a *Args) (io.ReadCloser, error) {
	if u.Host != "" && u.Host != "localhost" || u.Path == "" {
		return nil, fmt.Errorf("downloading %q: want an absolute path on this machine", web.Shown(u))
	}
	name := filepath.FromSlash(u.Path)
	info, err := os.Stat(name)
	if err != nil {
		return nil, hint.With(fmt.Errorf("downloading %q: %w", web.Shown(u), err), "check the URL: it names a file on this machine")
	}
	switch {
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("downloading %q: got %s, want a regular file", web.Shown(u), info.Mode().Type())
	case info.Size() > a.MaxSize:
		return nil, fmt.Errorf("downloading %q: %w", web.Shown(u), tooLarge(info.Size(), a.MaxSize))
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("downloading %q: %w", web.Shown(u), err)
	}
	return &localFile{f, web.Shown(u), 0, info.Size(), a.Progress}, nil
}

// localFile is a file whose size must not change while it is read.
type localFile struct {
	*os.File
	url        string
	done, size int64
	progress   func(done, total int64)
}

func (f *localFile) Read(p []byte) (int, error) {
	n, err := f.File.Read(p)
	f.done += int64(n)
	if n > 0 {
		f.progress(f.done, f.size)
	}
	if f.done > f.size || err == io.EOF && f.done < f.size {
		return n, fmt.Errorf("downloading %q: size: got %d bytes, want %d: the file changed while it was read", f.url, f.done, f.size)
	}
	return n, err
}

// WriteTo replaces os.File's, which would bypass Read.
func (f *localFile) WriteTo(w io.Writer) (int64, error) {
	return io.Copy(w, struct{ io.Reader }{f})
}
