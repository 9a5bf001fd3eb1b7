package github

import (
	"fmt"
	"strings"
	"time"

	"github.com/jasonwzm/release-builder/tools/internal/publish"
)

// neverLatest is the reason why a pre-release is not the latest release, regardless of a
// rule.
const neverLatest = "on GitHub a pre-release cannot be the latest release"

// versionOf returns the version of a tag.
func versionOf(tag string) string { return strings.TrimPrefix(tag, "v") }

// timeOf returns the commit time of a tag's release; zero if unknown.
type timeOf func(tag string) (time.Time, error)

// candidate returns the release of a tag, with its time if needed.
func candidate(tag string, needsTime bool, at timeOf) (c publish.Candidate, err error) {
	c.Version = versionOf(tag)
	if needsTime {
		c.Time, err = at(tag)
	}
	return c, err
}

// latestItem returns the item of the alias with a name. found is the tag that it points to,
// or empty. want is the release's time.
func (c *Config) latestItem(name, found string, want time.Time, at timeOf) (publish.Item, error) {
	item := publish.Item{
		Phase: publish.Reveal, Kind: kindAlias, Name: name, Digest: c.Tag, Alias: c.Latest.Name, Rule: c.Latest.Rule, Found: found,
	}
	next := publish.Candidate{Version: versionOf(c.Tag), Time: want}
	now, err := candidate(found, c.Latest.NeedsTime(versionOf(found), next.Version), at)
	switch {
	case err != nil:
	case found == c.Tag:
		item.State, item.Found = publish.Equal, ""
	case c.Prerelease:
		item.State, item.Reason = publish.Kept, neverLatest
		if state, reason := c.Latest.Start(next); state == publish.Kept {
			item.Reason = reason
		}
	case found == "":
		item.State, item.Reason = c.Latest.Start(next)
	case now.Version == next.Version:
		item.State, item.Reason = c.Latest.Other()
	default:
		item.State, item.Reason = c.Latest.Move(now, next)
	}
	if item.State == publish.Equal || item.State == publish.Kept {
		item.Version = found
	}
	return item, err
}

// verifyLatest checks that the alias is where an item recorded it, or has moved by its rule.
// found is the tag that it points to, or empty.
func verifyLatest(item publish.Item, found string, at timeOf) error {
	was := item.Digest
	if item.State == publish.Kept {
		was = item.Found
	}
	a := publish.Alias{Name: item.Alias, Rule: item.Rule}
	switch {
	case found == was:
		return nil
	case found == "":
		return fmt.Errorf("got none, want %q", was)
	case was == "":
		if state, reason := a.Start(publish.Candidate{Version: versionOf(found)}); state == publish.Kept {
			return fmt.Errorf("got %q, want none: %s", found, reason)
		}
		return nil
	case versionOf(found) == versionOf(was):
		_, reason := a.Other()
		return fmt.Errorf("got %q, want %q: %s", found, was, reason)
	}
	needs := a.NeedsTime(versionOf(was), versionOf(found))
	then, err := candidate(was, needs, at)
	if err != nil {
		return err
	}
	now, err := candidate(found, needs, at)
	if err == nil {
		err = item.Rule.Since(then, now)
	}
	if err != nil {
		return fmt.Errorf("got %q, want %q or a later release: %w", found, was, err)
	}
	return nil
}
