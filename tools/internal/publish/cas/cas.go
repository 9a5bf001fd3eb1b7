// Package cas reads a release that a build left in the content-addressable storage of a remote
// cache: what a file of Bazel's build events names, by digest. Nothing is downloaded but what
// is read.
//
// It speaks the ByteStream protocol as the Remote Execution API uses it:
// https://github.com/bazelbuild/remote-apis/blob/main/build/bazel/remote/execution/v2/remote_execution.proto
package cas

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strings"

	repb "github.com/bazelbuild/remote-apis/build/bazel/remote/execution/v2"

	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/base/fileio"
	"github.com/jasonwzm/release-builder/tools/internal/base/hint"
	"github.com/jasonwzm/release-builder/tools/internal/web"
)

// batch is the number of blobs that the cache is asked for at once. A digest takes some 80
// bytes, and servers take messages of 4 MB.
const batch = 10_000

// Args are the arguments of [Open].
type Args struct {
	// Events is the file that bazel build --build_event_json_file wrote.
	Events string
	// Env returns the variables RELEASE_REMOTE_*, which say where the cache is and how it is
	// called: see docs/remote.md.
	Env func(string) string
	// Log prints a line for each failure that is followed by another attempt. It may be nil.
	Log func(format string, args ...any)
}

// Source is a release in a cache. It implements [release.Source] and [release.Digester].
type Source struct {
	blobs  map[string]blob // by path
	remote *remote         // nil if all files are on this machine
	retry  web.Retry
}

// Open reads the build events, and asks the cache whether it has all files of the release.
func Open(ctx context.Context, a Args) (*Source, error) {
	f, err := os.Open(a.Events)
	if err != nil {
		return nil, fmt.Errorf("reading build events: %w", err)
	}
	defer f.Close()
	s := &Source{retry: web.Retry{May: may, Log: a.Log}}
	if s.blobs, err = parseEvents(f); err != nil {
		return nil, fmt.Errorf("reading build events %q: %w", a.Events, err)
	}
	hosts := map[string]bool{}
	for _, b := range s.blobs {
		if b.host != "" {
			hosts[b.host] = true
		}
	}
	switch names := slices.Sorted(maps.Keys(hosts)); len(names) {
	case 0:
		return s, nil
	case 1:
		if s.remote, err = dial(names[0], a.Env); err != nil {
			return nil, err
		}
	default:
		return nil, fmt.Errorf("reading build events %q: got caches %s, want one", a.Events, strings.Join(names, ", "))
	}
	if err := s.find(ctx); err != nil {
		_ = s.remote.conn.Close() // nothing is lost with it
		return nil, err
	}
	return s, nil
}

// find asks the cache for all blobs. The error names those that it does not have.
func (s *Source) find(ctx context.Context) error {
	var paths []string
	for _, p := range slices.Sorted(maps.Keys(s.blobs)) {
		if b := s.blobs[p]; b.host != "" && b.size > 0 {
			paths = append(paths, p)
		}
	}
	lost := map[string]bool{}
	for some := range slices.Chunk(paths, batch) {
		first := s.blobs[some[0]]
		request := &repb.FindMissingBlobsRequest{InstanceName: first.instance()}
		for _, p := range some {
			b := s.blobs[p]
			request.BlobDigests = append(request.BlobDigests, &repb.Digest{Hash: b.digest.Hex(), SizeBytes: b.size})
		}
		var answer *repb.FindMissingBlobsResponse
		err := s.retry.Do(ctx, func(int) (err error) {
			ctx, cancel := context.WithTimeout(s.remote.context(ctx), silence)
			defer cancel()
			answer, err = repb.NewContentAddressableStorageClient(s.remote.conn).FindMissingBlobs(ctx, request)
			return err
		})
		if ctx.Err() != nil { // a status of gRPC does not wrap it
			err = ctx.Err()
		}
		if err != nil {
			return fmt.Errorf("asking the cache at %q for the release: %w", first.host, err)
		}
		for _, d := range answer.MissingBlobDigests {
			lost[d.Hash] = true
		}
	}
	var errs []error
	for _, p := range paths {
		if b := s.blobs[p]; lost[b.digest.Hex()] {
			errs = append(errs, lostError(p, &b))
		}
	}
	return errors.Join(errs...)
}

func lostError(path string, b *blob) error {
	err := fmt.Errorf("the cache at %q does not have file %q of the release, %s", b.host, path, b.digest)
	return hint.With(err, "it removed the file, or Bazel had it in the disk cache and did not send it: run tools/bazel clean, and build again with RELEASE_DISK_CACHE=off")
}

// Open implements [release.Source]. What is read is compared with the digest; the last Read fails
// if it differs. If the connection breaks, reading resumes there.
func (s *Source) Open(ctx context.Context, name string) (io.ReadCloser, error) {
	name = path.Clean(name)
	b, ok := s.blobs[name]
	if !ok {
		return nil, fmt.Errorf("opening %q in the build events: %w", name, fs.ErrNotExist)
	}
	if b.host == "" {
		return fileio.OpenRegular(b.file) // the release's Tree compares it with SHA256SUMS
	}
	return newReader(ctx, s, name, b), nil
}

// Sizes implements [release.Source].
func (s *Source) Sizes(context.Context) (map[string]int64, error) {
	sizes := map[string]int64{}
	for p, b := range s.blobs {
		sizes[p] = b.size
	}
	return sizes, nil
}

// Location implements [release.Source]. No other service can read from the cache.
func (s *Source) Location(string) string { return "" }

// Digest implements [release.Digester]: the digest of a file in the cache is what it is stored
// by. A file on this machine has to be read.
func (s *Source) Digest(name string) (digest.Digest, bool) {
	b, ok := s.blobs[path.Clean(name)]
	return b.digest, ok && b.host != ""
}
