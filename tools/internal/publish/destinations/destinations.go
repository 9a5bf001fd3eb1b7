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

// Args are the arguments of Open.
type Args struct {
	// Kinds are the known kinds; nil for All.
	Kinds Kinds
	// Profile is the result of Expand.
	Profile profile.Profile
	// Only are the names of the kinds to make; empty for all.
	Only []string
	// Tree is nil if only Verify is called.
	Tree *release.Tree
	// Back are the aliases that may move to any release, against their rules: by name or by
	// the template in the profile.
	Back []string
	// Yank makes the pointers leave a release; nil to publish.
	Yank *publish.Yank
	// Promoted is the profile that a promotion comes from. Its registries have the same
	// images.
	Promoted profile.Profile
	// Notes are the notes of the GitHub release; empty for notes made from the lock.
	Notes string
	// Since is the lock of the release whose changes since the notes list; nil for none.
	Since *lock.Lock
	// TokenFile has GitHub's token, GrafanaToken that of grafana.com: files, or env://NAME.
	// Empty for the ones in the environment.
	TokenFile, GrafanaToken string
	// Transport sends all requests.
	Transport http.RoundTripper
	// Env is os.Getenv.
	Env func(string) string
	// Log prints a line for people.
	Log func(format string, args ...any)
}

// An Opener has what a kind needs to make a destination.
type Opener struct {
	Args
	// Name is the destination's, unique in a profile.
	Name  string
	moves []string // the names of Back
	// limits keeps to GitHub's rate limits, with one budget for all destinations.
	limits http.RoundTripper
}

// Open makes the destinations of a profile, in the order in which they reveal. The error
// joins one for each destination that cannot be made.
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

// known checks that the kinds know every key of a profile from a receipt.
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
	a.Log("warning: %s has credentials and other users can read it: run chmod 600 %s", name, name)
}
