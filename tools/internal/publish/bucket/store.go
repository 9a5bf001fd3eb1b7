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
	// list returns the objects whose keys begin with a prefix, which is empty or
	// ends with a slash, sorted by key. Empty objects that stand for a directory are
	// left out.
	list(ctx context.Context, prefix string) ([]object, error)
	// stat returns all that the store knows of an object. An error for one that
	// is not there wraps fs.ErrNotExist; so does one of open.
	stat(ctx context.Context, key string) (object, error)
	// open reads an object from an offset on. A version that is not empty has to
	// be the object's.
	open(ctx context.Context, key, version string, offset int64) (io.ReadCloser, object, error)
	// put writes an object if what is there has the write's guard as its version,
	// or if nothing is there and the guard is empty. Otherwise the error wraps
	// errTaken. An object is there in whole or not at all.
	put(ctx context.Context, w write) error
	// copy is put of the content at a location, without the content passing
	// through here. It returns false if the store cannot do that.
	copy(ctx context.Context, location string, w write) (bool, error)
	// name returns what people call an object, url where its content can be had,
	// and location what copy understands.
	name(key string) string
	url(key string) string
	location(o object) string
}

// errTaken says that there is another object than a write's guard asks for.
var errTaken = errors.New("there is another object")

// An object is what a store knows of an object without reading its content.
type object struct {
	key     string
	size    int64 // in bytes; negative if it is no file
	version string
	// sha256 is what the store or the metadata says; empty if nothing.
	sha256 digest.Digest
	// checked says that the store computed sha256 itself.
	checked bool
	// md5 and crc32c are what the store computed; nil if it did not. The CRC is
	// that of the Castagnoli polynomial, in network order.
	md5, crc32c []byte
	// partial says that stat may know more; weak that md5 may be no MD5.
	partial, weak bool
}

// A write is a request to write an object.
type write struct {
	key, guard                string
	digest                    digest.Digest
	size                      int64 // in bytes
	contentType, cacheControl string
	// open reads the content from its start. Reading fails if it is another one
	// than digest and size say.
	open func(ctx context.Context) (io.ReadCloser, error)
	// sent is told how many bytes were sent.
	sent func(n int64)
}

// storeArgs is what the stores of the services are made from.
type storeArgs struct {
	bucket, endpoint string
	transport        http.RoundTripper
	jobs             int
}

// escape returns a key as the path of a URL. A plus is one also where a service takes
// it for a space.
func escape(key string) string {
	return strings.ReplaceAll((&url.URL{Path: "/" + key}).EscapedPath()[1:], "+", "%2B")
}

// Attempts at what the transport cannot repeat, and the pause before the second.
const (
	attempts = 4
	pause    = 100 * time.Millisecond
)

// retries is for what may pass.
func retries(may func(err error) bool) web.Retry {
	return web.Retry{Attempts: attempts, Pause: pause, May: func(err error) (time.Duration, bool) { return 0, may(err) }}
}

// openWhole reads an object from its start, and where the connection breaks goes
// on from there.
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
	failed int // attempts since something was read
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
			return n, nil // the same reader fails again, or goes on
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

// readPointer reads an object of at most limit bytes. One that is not there has
// no version.
func readPointer(ctx context.Context, s store, key string, limit int64) ([]byte, object, error) {
	var data []byte
	var o object
	var broken error // of the last attempt that could open it
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

// ErrTooLarge says that a pointer is more than anybody reads.
var ErrTooLarge = errors.New("the object is too large")
