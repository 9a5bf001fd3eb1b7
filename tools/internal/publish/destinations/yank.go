package destinations

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"golang.org/x/mod/semver"

	"github.com/jasonwzm/release-builder/tools/internal/base/hint"
	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
	"github.com/jasonwzm/release-builder/tools/internal/input/profile"
	"github.com/jasonwzm/release-builder/tools/internal/publish"
	"github.com/jasonwzm/release-builder/tools/internal/publish/bucket"
)

// Before returns the version to which pointers go that leave a.Version: the highest one below it
// with a receipt in a bucket of the profile, that is not yanked, and that is no pre-release
// unless a.Version is one.
func Before(ctx context.Context, a FindArgs) (string, error) {
	kinds := All()
	where := kinds.replaced(kinds.Recorded(a.Profile), a.State, a.Version, nil)
	best := ""
	v := "v" + a.Version
	for _, b := range where.Of("buckets") {
		versions, err := bucket.Versions(ctx, a.config(b))
		if err != nil {
			return "", err
		}
		yanked, err := bucket.Yanked(ctx, a.config(b))
		if err != nil {
			return "", err
		}
		for _, version := range versions {
			w := "v" + version
			if yanked[version] || !semver.IsValid(w) || semver.Compare(w, v) >= 0 || semver.Prerelease(w) != "" && semver.Prerelease(v) == "" {
				continue
			}
			if best == "" || semver.Compare(w, "v"+best) > 0 {
				best = version
			}
		}
	}
	switch {
	case !semver.IsValid(v):
		err := fmt.Errorf("finding the release before %q: it is not a semantic version", a.Version)
		return "", hint.With(err, "pass --to VERSION, the release to which the pointers move")
	case best == "":
		err := fmt.Errorf("finding the release before %q on profile %q: there is none", a.Version, a.Profile.Name)
		return "", hint.With(err, "nothing was changed. Publish another release and pass --to VERSION: the pointers move there")
	}
	return best, nil
}

// Yanked returns the record of the yank of a receipt's release, nil if it was not yanked.
func Yanked(ctx context.Context, r *publish.Receipt, web http.RoundTripper) (*publish.YankRecord, error) {
	for _, b := range r.Profile.Of("buckets") {
		record, err := bucket.ReadYank(ctx, bucket.Config{URL: b.Text("url"), Endpoint: b.Text("endpoint"), Transport: web}, r.Version)
		if err != nil || record != nil {
			return record, err
		}
	}
	return nil, nil
}

// Lost returns the names of the aliases that a profile gives to the release of old, and not to
// the one of next, sorted: these cannot move from the one to the other. A name with the version
// or the commit never moves.
func (k Kinds) Lost(p profile.Profile, old, next *lock.Lock) ([]string, error) {
	var lost []string
	var errs []error
	for _, kind := range k {
		for _, place := range p.Of(kind.Key) {
			for _, template := range kind.AliasNames(place) {
				was, err1 := expandName(template, old)
				is, err2 := expandName(template, next)
				errs = append(errs, err1, err2)
				if was != is && !strings.Contains(template, "{version}") && !strings.Contains(template, "{commit}") {
					lost = append(lost, was)
				}
			}
		}
	}
	slices.Sort(lost)
	return slices.Compact(lost), errors.Join(errs...)
}
