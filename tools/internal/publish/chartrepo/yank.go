package chartrepo

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/jasonwzm/release-builder/tools/internal/publish"
)

// planYank returns an item for each entry that leaves an index. An entry that is not there, or
// that is of another archive, is none of the release's.
func (c *charts) planYank(ctx context.Context, all []chart) ([]publish.Item, error) {
	var items []publish.Item
	for _, d := range c.dirs(all) {
		some, err := c.planIndex(ctx, d)
		if err != nil {
			return nil, err
		}
		for _, i := range some {
			i.Path, i.Leaves = "", c.yank.Tree.Version
			switch i.State {
			case publish.Equal:
				i.State, i.Found, i.Guard, i.Version, i.Reason = publish.Behind, i.Digest, i.Version, "", i.Leaves+" is yanked"
				i.Digest = removed
			case publish.Absent:
				i.State, i.Digest = publish.Equal, removed
			case publish.Conflict:
				if strings.HasPrefix(i.Found, digestPrefix) {
					i.State, i.Reason = publish.Kept, "another archive of that version"
				}
			}
			items = append(items, i)
		}
	}
	return items, nil
}

// removed is the digest of an entry that is not to be there.
const removed = "none"

// without returns the index without the entries of the charts, or nil if it has none of them.
// It is never generated at an earlier time than before.
func (c *charts) without(data []byte, d dir) ([]byte, error) {
	x, err := parseIndex(data)
	if err != nil {
		return nil, fmt.Errorf("reading chart index %q: %w; %w", d.index, err, publish.ErrChanged)
	}
	changed := false
	for _, ch := range d.charts {
		changed = x.remove(ch) || changed
	}
	if !changed {
		return nil, nil
	}
	out, err := x.marshal(c.yank.Tree.Lock.Time)
	if err != nil {
		err = fmt.Errorf("writing chart index %q: %w", d.index, err)
	}
	return out, err
}

// remove removes the entries of a chart's archive. A chart without any version left is removed.
func (x *index) remove(c chart) (changed bool) {
	for i := 0; i+1 < len(x.entries.Content); i += 2 {
		name, list := x.entries.Content[i], x.entries.Content[i+1]
		if name.Value != c.name {
			continue
		}
		n := len(list.Content)
		list.Content = slices.DeleteFunc(list.Content, func(e *yaml.Node) bool {
			return text(field(e, "version")) == c.version && digestOf(e) == c.file.Digest.Hex()
		})
		changed = len(list.Content) < n
		if len(list.Content) == 0 {
			x.entries.Content = slices.Delete(x.entries.Content, i, i+2)
		}
		return changed
	}
	return false
}
