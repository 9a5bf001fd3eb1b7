package destinations

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/release"
	"github.com/jasonwzm/release-builder/tools/internal/base/hint"
	"github.com/jasonwzm/release-builder/tools/internal/base/parallel"
	"github.com/jasonwzm/release-builder/tools/internal/publish"
	"github.com/jasonwzm/release-builder/tools/internal/publish/bucket"
)

// Verify checks that the destinations of a receipt have what it says; see
// [publish.Destination]. Of the arguments it takes how to reach them.
func Verify(ctx context.Context, r *publish.Receipt, a Args, deep bool) error {
	a.Profile, a.Tree = r.Profile, nil
	all, err := Open(ctx, a)
	if err != nil {
		return err
	}
	byName := map[string]publish.Destination{}
	for _, d := range all {
		byName[d.Name()] = d
	}
	errs := parallel.Do(len(r.Destinations), max(1, len(r.Destinations)), func(i int) error {
		d := byName[r.Destinations[i].Name]
		if d == nil {
			return fmt.Errorf("the receipt's profile has no destination %q", r.Destinations[i].Name)
		}
		if err := d.Verify(ctx, r.Destinations[i].Items, deep); err != nil {
			return fmt.Errorf("%s: %w", d.Name(), err)
		}
		return nil
	})
	return errors.Join(errs...)
}

// Source returns the release that a receipt says is in a bucket.
func Source(ctx context.Context, r *publish.Receipt, web http.RoundTripper) (release.Source, error) {
	for _, b := range r.Profile.Of("buckets") {
		return bucket.NewSource(ctx, bucket.Config{URL: b.Text("url"), Endpoint: b.Text("endpoint"), Transport: web}, r.Version)
	}
	err := errors.New("the receipt has no bucket: there is nowhere to take the release's files from")
	return nil, hint.With(err, "give the stage a bucket, publish to it, and promote that receipt")
}
