package bucket

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/base/hint"
	"github.com/jasonwzm/release-builder/tools/internal/publish"
)

// permitted is implemented by stores that say what these credentials may do.
type permitted interface {
	// missing returns the permissions that these credentials lack.
	missing(ctx context.Context) ([]string, error)
}

var errS3 = errors.New("S3 has no request that asks without a write")

// Preflight implements [publish.Preflighter].
func (p *Place) Preflight(ctx context.Context, size int64) []publish.Finding {
	what := "write to " + p.store.name(p.prefix)
	switch s := p.store.(type) {
	case permitted:
		lacks, err := s.missing(ctx)
		switch {
		case err != nil:
			return []publish.Finding{publish.NotKnown(what, err)}
		case len(lacks) > 0:
			slices.Sort(lacks)
			err = hint.With(fmt.Errorf("these credentials lack %s", strings.Join(lacks, ", ")), "give them roles/storage.objectUser for the bucket")
		}
		return []publish.Finding{publish.Found(what, err)}
	case *fileStore:
		return []publish.Finding{publish.Found(what, publish.Writable(s.dir, size))}
	}
	return []publish.Finding{publish.NotKnown(what, errS3)}
}
