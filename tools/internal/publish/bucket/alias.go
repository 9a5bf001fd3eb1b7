package bucket

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"time"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/release"
	"github.com/jasonwzm/release-builder/tools/internal/base/jsonfile"
	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
	"github.com/jasonwzm/release-builder/tools/internal/publish"
)

// aliasLimit is the maximum size of an alias in bytes.
const aliasLimit = 1 << 10

// alias returns the item of an alias.
func (b *bucket) alias(ctx context.Context, alias publish.Alias) (publish.Item, error) {
	key, want := b.prefix+alias.Name, publish.Candidate{Version: b.tree.Version, Time: b.tree.Lock.Time}
	i := publish.Item{
		Phase: publish.Reveal, Kind: aliasKind, Name: b.store.name(key), Digest: want.Version, Size: int64(len(want.Version)),
		URL: b.store.url(key), Alias: alias.Name, Rule: alias.Rule,
	}
	if b.headers {
		i.ContentType, i.CacheControl = plainText, noCache
	}
	data, o, err := readPointer(ctx, b.store, key, aliasLimit)
	body := string(data)
	found := publish.Candidate{Version: strings.TrimSpace(body)}
	i.Found = shown(body)
	switch {
	case errors.Is(err, ErrTooLarge):
		i.Found = fmt.Sprintf("more than %d bytes", aliasLimit)
		o, err = b.store.stat(ctx, key) // for its version
	case err == nil && found.Version == "": // the object may be empty
		i.State, i.Reason = alias.Start(want)
		i.Found, i.Guard = "", o.version
		return i, nil
	}
	if err == nil && alias.NeedsTime(found.Version, want.Version) {
		found.Time, err = b.commitTime(ctx, found.Version)
	}
	if err != nil {
		return i, err
	}
	switch i.State, i.Reason = alias.Move(found, want); {
	case body == want.Version:
		i.Found, i.Version = "", o.version
	case i.State == publish.Equal: // except for white space
		i.State, i.Guard = publish.Behind, o.version
	case i.State == publish.Kept:
		i.Found, i.Version = found.Version, o.version
	default:
		i.Guard = o.version
	}
	return i, nil
}

// shown returns a body for people: unchanged if it may be a version, otherwise quoted.
func shown(body string) string {
	if quoted := strconv.Quote(body); quoted != `"`+body+`"` || strings.Contains(body, " ") {
		return quoted
	}
	return body
}

// commitTime returns the commit time of a published version; zero if there is none or its
// lock cannot be parsed.
func (b *bucket) commitTime(ctx context.Context, version string) (time.Time, error) {
	key := b.prefix + version + "/" + release.LockFile
	data, _, err := readPointer(ctx, b.store, key, jsonfile.MaxSize)
	if err != nil && !errors.Is(err, ErrTooLarge) {
		return time.Time{}, err
	}
	l, err := lock.Parse(b.store.name(key), data)
	if err != nil {
		return time.Time{}, nil
	}
	return l.Time, nil
}

// move writes an alias if it has not changed since the plan.
func (b *bucket) move(ctx context.Context, i publish.Item, report publish.Report) error {
	if i.Kind != aliasKind || i.Digest != b.tree.Version {
		return fmt.Errorf("alias %q: want one that names %q", i.Name, b.tree.Version)
	}
	key, err := b.Key(i.Name)
	if err != nil {
		return err
	}
	w := pointer(key, i.Guard, []byte(i.Digest), plainText)
	w.sent = func(n int64) { report(publish.Progress{Bytes: n}) }
	err = b.store.put(ctx, w)
	if errors.Is(err, errTaken) {
		data, _, again := readPointer(ctx, b.store, key, aliasLimit)
		switch found := string(data); {
		case again != nil && !errors.Is(again, ErrTooLarge):
			err = again
		case again == nil && found == i.Digest:
			err = nil
		default:
			err = fmt.Errorf("moving alias %q: got %.100q, want %s: %w", i.Name, found, cmp.Or(i.Found, "none"), publish.ErrChanged)
		}
	}
	if err == nil {
		report(publish.Progress{Done: &i})
	}
	return err
}

// verifyAlias checks that an alias points to the release in a receipt, or has moved by its
// rule to another release that exists.
func (b *bucket) verifyAlias(ctx context.Context, i publish.Item) error {
	want := i.Digest
	if i.State == publish.Kept {
		if want = i.Found; want == "" {
			return nil
		}
		i.ContentType = "" // somebody else wrote it
	}
	key, err := b.Key(i.Name)
	if err != nil {
		return err
	}
	data, o, err := readPointer(ctx, b.store, key, aliasLimit)
	got := string(data)
	switch {
	case errors.Is(err, ErrTooLarge):
		return fmt.Errorf("alias %q: got more than %d bytes, want %q", i.Name, aliasLimit, want)
	case err != nil:
		return err
	case o.version == "":
		return fmt.Errorf("alias %q: got none, want %q", i.Name, want)
	case got == want:
		return b.checkServed(i, o)
	case i.State == publish.Kept && o.version == i.Version:
		return nil
	}
	if why, err := b.since(ctx, i.Rule, want, got); err != nil {
		return err
	} else if why != nil {
		return fmt.Errorf("alias %q: got %.100q, want %q or a later release: %w", i.Name, got, want, why)
	}
	return nil
}

// since returns why an alias cannot have moved by its rule from then, which a receipt
// recorded, to now; nil if it can.
func (b *bucket) since(ctx context.Context, rule publish.Rule, then, now string) (why, err error) {
	from, to := publish.Candidate{Version: then}, publish.Candidate{Version: now}
	if (publish.Alias{Rule: rule}).NeedsTime(then, now) {
		if from.Time, err = b.commitTime(ctx, then); err == nil {
			to.Time, err = b.commitTime(ctx, now)
		}
		if err != nil {
			return nil, err
		}
	}
	if why := rule.Since(from, to); why != nil {
		return why, nil
	}
	_, err = b.store.stat(ctx, b.prefix+now+"/"+release.Checksums)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("no release %s", now), nil
	}
	return nil, err
}
