package session

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/release"
	"github.com/jasonwzm/release-builder/tools/internal/base/hint"
	"github.com/jasonwzm/release-builder/tools/internal/publish"
	"github.com/jasonwzm/release-builder/tools/internal/publish/destinations"
)

// openYank opens the release Yank and the one that its pointers move to. That one must still be
// there, with everything in its receipt.
func openYank(ctx context.Context, a Args) (*Session, error) {
	version, sum, err := publish.ParseName(a.Yank)
	if err != nil {
		return nil, err
	}
	dir := destinations.StateDir(a.State, a.Line, a.Profile.Name)
	find := destinations.FindArgs{Profile: a.Profile, State: dir, Line: a.Line, Version: version, Receipt: sum, Transport: a.Transport}
	yanked, err := destinations.Find(ctx, find)
	if err != nil {
		return nil, err
	}
	if a.To == "" {
		if a.To, err = destinations.Before(ctx, find); err != nil {
			return nil, err
		}
	}
	find.Version, find.Receipt = a.To, ""
	next, err := destinations.Find(ctx, find)
	if err != nil {
		return nil, err
	}
	if err := a.whole(ctx, next.Receipt); err != nil {
		return nil, hint.With(fmt.Errorf("release %s: %w", a.To, err), "nothing was changed. Publish release %s again to profile %q, or pass --to another one", a.To, a.Profile.Name)
	}
	kinds := destinations.All()
	lost, err := kinds.Lost(a.Profile, yanked.Tree.Lock, next.Tree.Lock)
	if err != nil {
		return nil, err
	}
	for _, alias := range lost {
		a.Log("warning: alias %s stays at %s if it points there: release %s has no alias of that name", alias, version, a.To)
	}
	if a.Profile, err = kinds.Expand(a.Profile, dir, next.Tree.Lock); err != nil {
		return nil, err
	}
	return a.yank(ctx, dir, next.Tree, &publish.Yank{Tree: yanked.Tree, Why: a.Why})
}

// yank makes the session.
func (a *Args) yank(ctx context.Context, dir string, to *release.Tree, y *publish.Yank) (*Session, error) {
	s := &Session{args: *a, directory: filepath.Join(dir, "runs", y.Tree.Version+"-yanked")}
	args := a.destinations()
	args.Profile, args.Tree, args.Yank = a.Profile, to, y
	all, err := destinations.Open(ctx, args)
	if err != nil {
		return nil, err
	}
	s.publisher = &publish.Publisher{Tree: to, Line: a.Line, Profile: destinations.All().Recorded(a.Profile), Only: a.Only, Yank: y, Destinations: all, Observer: a.Observer}
	return s, s.begin()
}

// whole checks that all that a receipt names is there.
func (a *Args) whole(ctx context.Context, r *publish.Receipt) error {
	all, err := destinations.Open(ctx, destinations.Args{Profile: r.Profile, Transport: a.Transport, TokenFile: a.TokenFile, GrafanaToken: a.GrafanaToken, Env: a.Env})
	if err != nil {
		return err
	}
	return r.Verify(ctx, all, false)
}
