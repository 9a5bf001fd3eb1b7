package bucket

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/release"
)

// source is a published release.
type source struct {
	place   *Place
	prefix  string
	objects map[string]object // by path
}

// NewSource reads a version that [New] published. It is bound to the objects that exist now:
// opening one that was replaced later fails. Locations are gs://BUCKET/KEY#GENERATION and
// s3://BUCKET/KEY#ETAG; files have none.
func NewSource(ctx context.Context, c Config, version string) (release.Source, error) {
	if !fs.ValidPath(version) || version == "." {
		return nil, fmt.Errorf("version %q: want a path below %s", version, c.URL)
	}
	p, err := Open(ctx, c, nil)
	if err != nil {
		return nil, err
	}
	s := &source{place: p, prefix: p.prefix + version + "/", objects: map[string]object{}}
	objects, err := p.store.list(ctx, s.prefix)
	if err != nil {
		return nil, err
	}
	for _, o := range objects {
		if o.size < 0 {
			return nil, fmt.Errorf("listing %q: got %q, which is not a file", p.store.name(s.prefix), o.key)
		}
		s.objects[strings.TrimPrefix(o.key, s.prefix)] = o
	}
	return s, nil
}

// Open implements [release.Source]. If the connection breaks, reading resumes there.
func (s *source) Open(ctx context.Context, name string) (io.ReadCloser, error) {
	o, ok := s.objects[path.Clean(name)]
	if !ok {
		return nil, fmt.Errorf("opening object %q: %w", s.place.store.name(s.prefix+name), fs.ErrNotExist)
	}
	return openWhole(ctx, s.place.store, o.key, o.version)
}

// Sizes implements [release.Source].
func (s *source) Sizes(context.Context) (map[string]int64, error) {
	sizes := map[string]int64{}
	for p, o := range s.objects {
		sizes[p] = o.size
	}
	return sizes, nil
}

// Location implements [release.Source].
func (s *source) Location(name string) string {
	if o, ok := s.objects[path.Clean(name)]; ok {
		return s.place.store.location(o)
	}
	return ""
}
