package session

import (
	"context"
	"fmt"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/release"
	"github.com/jasonwzm/release-builder/tools/internal/publish"
	"github.com/jasonwzm/release-builder/tools/internal/publish/destinations"
	"github.com/jasonwzm/release-builder/tools/internal/publish/signing"
)

// key opens the key of the profile; nil if it has none.
func (a *Args) key(ctx context.Context) (*signing.Key, error) {
	if a.Profile.Sign == "" {
		return nil, nil
	}
	return signing.OpenKey(ctx, signing.KeyArgs{Ref: a.Profile.Sign, PasswordFile: a.Password, Env: a.Env})
}

// sign returns the release with its signatures. Without a key it has those that came with it:
// a promotion publishes what the stage has.
func sign(ctx context.Context, tree *release.Tree, k *signing.Key, to destinations.Args) (*release.Tree, error) {
	if k == nil {
		if len(tree.Signatures()) == 0 {
			return tree, nil
		}
		return tree, signing.Check(ctx, tree, nil)
	}
	var keepers []publish.Keeper
	if k.Random {
		to.Tree, to.Log = tree, nil // only to read
		all, err := destinations.Open(ctx, to)
		if err != nil {
			return nil, err
		}
		for _, d := range all {
			if keeper, ok := d.(publish.Keeper); ok {
				keepers = append(keepers, keeper)
			}
		}
	}
	return signing.Sign(ctx, tree, k, func(ctx context.Context, path string) ([][]byte, error) {
		var found [][]byte
		for _, d := range keepers {
			some, err := d.Signatures(ctx, tree.Version, publish.Item{Path: path})
			if err != nil {
				return nil, fmt.Errorf("looking for signature %q: %s: %w", path, d.Name(), err)
			}
			found = append(found, some...)
		}
		return found, nil
	})
}
