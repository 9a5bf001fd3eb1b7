// Package destinations makes the destinations of a profile. Each kind of destination is
// a [Kind], in a file of its own, and a line in [All].
package destinations

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"runtime"
	"slices"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/release"
	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
	"github.com/jasonwzm/release-builder/tools/internal/input/profile"
	"github.com/jasonwzm/release-builder/tools/internal/publish"
	"github.com/jasonwzm/release-builder/tools/internal/publish/github"
)

// Args says how to make destinations.
type Args struct {
	// Kinds are those that there are; nil for All.
	Kinds Kinds
	// Profile is what Expand returned.
	Profile profile.Profile
	// Only are the names of the kinds to make; empty for all.
	Only []string
	// Tree is nil if they are only to verify.
	Tree *release.Tree
	// Back are the aliases that may move to any release, whatever their rules say, by
	// name or by the template that the profile has.
	Back []string
	// Promoted is the profile that a promotion comes from, whose registries have the
	// same images.
	Promoted profile.Profile
	// Notes are those of the GitHub release; empty for what the lock gives.
	Notes string
	// Since is the lock of the release that those notes name changes since; nil for none.
	Since *lock.Lock
	// TokenFile has GitHub's token; empty for the environment's.
	TokenFile string
	// Transport takes all requests.
	Transport http.RoundTripper
	// Env is os.Getenv.
	Env func(string) string
	// Log takes what a person should hear.
	Log func(format string, args ...any)
}

// An Opener is what a kind makes a destination from.
type Opener struct {
	Args
	// Name is the destination's, which no other has.
	Name  string
	moves []string // the names of Back
	// limits keeps to GitHub's limits, one budget for all that is there.
	limits http.RoundTripper
}

// Open makes the destinations of a profile, in the order in which they reveal.
// The error joins all that is wrong with any of them.
func Open(ctx context.Context, a Args) ([]publish.Destination, error) {
	if a.Log == nil {
		a.Log = func(string, ...any) {}
	}
	if a.Kinds == nil {
		a.Kinds = All()
	}
	back, err := a.back()
	if err != nil {
		return nil, err
	}
	o := &Opener{Args: a, moves: back, limits: github.Limits(a.Transport, a.Log)}
	var all []publish.Destination
	errs := []error{a.known()}
	names := map[string]int{}
	for _, kind := range a.kinds() {
		for _, place := range a.Profile.Of(kind.Key) {
			o.Name = kind.Name
			if kind.Label != nil {
				o.Name = kind.Label(place)
			}
			names[o.Name]++
			if n := names[o.Name]; n > 1 {
				o.Name = fmt.Sprintf("%s-%d", o.Name, n)
			}
			if kind.Credentials != nil {
				a.warnReadable(kind.Credentials(&a, place))
			}
			opener := *o
			d, err := kind.Open(ctx, &opener, place)
			if err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", o.Name, err))
				continue
			}
			all = append(all, d)
		}
	}
	if err := errors.Join(errs...); err != nil || len(all) > 0 {
		return all, err
	}
	return nil, fmt.Errorf("profile %q has no destinations of %s", a.Profile.Name, strings.Join(a.kinds().Names(), ", "))
}

// kinds returns the kinds to make, in the order in which they reveal.
func (a *Args) kinds() Kinds {
	return slices.DeleteFunc(a.Kinds.revealing(), func(k Kind) bool { return len(a.Only) > 0 && !slices.Contains(a.Only, k.Name) })
}

// known refuses what no kind has, in a profile that a receipt gives.
func (a *Args) known() error {
	schema := a.Kinds.Schema()
	var errs []error
	for _, p := range a.Profile.Places {
		kind := schema.Find(p.Key)
		if kind == nil {
			errs = append(errs, fmt.Errorf("profile %q: there is no kind of destination %q", a.Profile.Name, p.Key))
			continue
		}
		for _, v := range p.Values {
			if f := kind.Field(v.Key); f == nil || !f.Takes(v.Value) {
				errs = append(errs, fmt.Errorf("profile %q: %s: there is no %q with %v", a.Profile.Name, p.Key, v.Key, v.Value))
			}
		}
	}
	return errors.Join(errs...)
}

// warnReadable warns if others can read a file with credentials.
func (a *Args) warnReadable(name string) {
	info, err := os.Stat(name)
	if err != nil || !info.Mode().IsRegular() || runtime.GOOS == "windows" || info.Mode().Perm()&0o077 == 0 {
		return
	}
	a.Log("warning: others can read %s, which has credentials: chmod 600 %s", name, name)
}
