package bucket

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/web"
)

// A store holds objects by key. It is safe for concurrent use.
type store interface {
	// list returns the objects whose keys begin with a prefix, sorted by key. The prefix is
	// empty or ends with a slash. Empty objects that represent directories are left out.
	list(ctx context.Context, prefix string) ([]object, error)
	// stat returns all that the store knows about an object. The error of stat and open for a
	// missing object wraps fs.ErrNotExist.
	stat(ctx context.Context, key string) (object, error)
	// open reads an object from an offset. If version is not empty, the object must have it.
	open(ctx context.Context, key, version string, offset int64) (io.ReadCloser, object, error)
	// put writes an object if the existing one has the write's guard as its version, or if
	// none exists and the guard is empty. Otherwise the error wraps errTaken. put is atomic.
	put(ctx context.Context, w write) error
	// copy is put with the content at a location, without a download. It returns false if the
	// store cannot do that.
	copy(ctx context.Context, location string, w write) (bool, error)
	// name returns an object's name for people, url the URL of its content, and location its
	// location for copy.
	name(key string) string
	url(key string) string
	location(o object) string
}

// blocked is implemented by stores in which something that is no object can be where an object has
// to go.
type blocked interface {
	// blocked returns what that is; empty if there is nothing.
	blocked(key string) string
}

// errTaken means that the existing object does not match a write's guard.
var errTaken = errors.New("another object exists")

// An object is what a store knows about an object without reading its content.
type object struct {
	key     string
	size    int64 // in bytes; negative if it is not a file
	version string
	// sha256 is from the store or the metadata; empty if unknown.
	sha256 digest.Digest
	// checked means that the store computed sha256 itself.
	checked bool
	// md5 and crc32c are what the store computed; nil if it did not. The CRC uses the
	// Castagnoli polynomial, in network byte order.
	md5, crc32c []byte
	// partial means that stat may know more; weak that md5 may not be an MD5.
	partial, weak bool
	headers
}

// A write is a request to write an object.
type write struct {
	key, guard string
	digest     digest.Digest
	size       int64 // in bytes
	headers
	// open reads the content from the start. Reading fails if the content does not match
	// digest and size.
	open func(ctx context.Context) (io.ReadCloser, error)
	// sent is called with the number of bytes sent.
	sent func(n int64)
}

// storeArgs are the arguments for the stores of services.
type storeArgs struct {
	bucket, endpoint string
	transport        http.RoundTripper
	jobs             int
}

// escape returns a key as the path of a URL. It escapes a plus, which some services decode as
// a space.
func escape(key string) string {
	return strings.ReplaceAll((&url.URL{Path: "/" + key}).EscapedPath()[1:], "+", "%2B")
}

// The number of attempts that the transport cannot make itself, and the pause before the
// second.
const (
	attempts = 4
	pause    = 100 * time.Millisecond
)

// retries is for temporary errors.
func retries(may func(err error) bool) web.Retry {
	return web.Retry{Attempts: attempts, Pause: pause, May: func(err error) (time.Duration, bool) { return 0, may(err) }}
}

// openWhole reads an object from the start. If the connection breaks, it resumes there.
func openWhole(ctx context.Context, s store, key, version string) (io.ReadCloser, error) {
	r, o, err := s.open(ctx, key, version, 0)
	if err != nil {
		return nil, err
	}
	w := &whole{r: r}
	w.wait = func(n int, err error) error { return retries(func(error) bool { return true }).Wait(ctx, n, err) }
	w.reopen = func(offset int64) (io.ReadCloser, error) {
		r, _, err := s.open(ctx, key, o.version, offset)
		return r, err
	}
	return w, nil
}

type whole struct {
	r      io.ReadCloser
	offset int64
	failed int // attempts since the last byte was read
	reopen func(offset int64) (io.ReadCloser, error)
	wait   func(n int, err error) error
}

func (w *whole) Read(p []byte) (int, error) {
	for {
		n, err := w.r.Read(p)
		w.offset += int64(n)
		if n > 0 {
			w.failed = 0
		}
		if err == nil || err == io.EOF {
			return n, err
		}
		if n > 0 {
			return n, nil // the next Read fails again or continues
		}
		for {
			w.failed++
			if err := w.wait(w.failed, err); err != nil {
				return 0, err
			}
			r, again := w.reopen(w.offset)
			if again == nil {
				w.r.Close()
				w.r = r
				break
			}
			if errors.Is(again, fs.ErrNotExist) {
				return 0, again
			}
		}
	}
}

func (w *whole) Close() error { return w.r.Close() }

// hash reads an object's content.
func hash(ctx context.Context, s store, key, version string) (digest.Digest, int64, error) {
	r, err := openWhole(ctx, s, key, version)
	if err != nil {
		return "", 0, err
	}
	defer r.Close()
	return digest.FromReader(r)
}

// readPointer reads an object of at most limit bytes. One that does not exist has no version.
func readPointer(ctx context.Context, s store, key string, limit int64) ([]byte, object, error) {
	var data []byte
	var o object
	var broken error // error of the last attempt that could open it
	err := retries(func(err error) bool { return err == broken }).Do(ctx, func(int) (err error) {
		var r io.ReadCloser
		if r, o, err = s.open(ctx, key, "", 0); err != nil {
			return err
		}
		defer r.Close()
		if data, err = io.ReadAll(io.LimitReader(r, limit+1)); err != nil {
			broken = fmt.Errorf("reading %q: %w", s.name(key), err)
			return broken
		}
		if int64(len(data)) > limit {
			err = fmt.Errorf("size of %q: got more than %d bytes", s.name(key), limit)
			return errors.Join(ErrTooLarge, err)
		}
		return nil
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil, object{key: key}, nil
	}
	if err != nil {
		return nil, o, err
	}
	if o.version == "" {
		o.version = string(digest.FromBytes(data))
	}
	return data, o, nil
}

// ErrTooLarge means that a pointer is too large to read.
var ErrTooLarge = errors.New("the object is too large")
