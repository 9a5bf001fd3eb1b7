package compare

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
)

// attr is one field of a header and its value, for people.
type attr struct{ what, value string }

type attrs []attr

// attrs notes each field that differs. A field that one side lacks is empty on that side.
func (e *explainer) attrs(member string, old, new attrs) {
	index := func(a attrs, what string) int {
		return slices.IndexFunc(a, func(x attr) bool { return x.what == what })
	}
	for _, x := range old {
		value := ""
		if i := index(new, x.what); i >= 0 {
			value = new[i].value
		}
		if value != x.value {
			e.note(finding{member: member, what: x.what, old: x.value, new: value})
		}
	}
	for _, x := range new {
		if x.value != "" && index(old, x.what) < 0 {
			e.note(finding{member: member, what: x.what, new: x.value})
		}
	}
}

// entry is an entry of an archive, an image or a program. It has the digest of the content,
// and of its stored form.
type entry struct {
	name           string
	attrs          attrs
	size, packed   int64
	sum, packedSum [32]byte
	// open returns the content. It is readable until explainer.release.
	open func(ctx context.Context) (content, error)
}

// walk is a comparison of two lists of entries.
type walk struct {
	p              pair
	old, new       []entry
	pairs          [][2]int // indexes of common entries, in the order of old
	removed, added []int
}

// entries compares two lists of entries: their order, which are renamed, removed or added, and
// the attributes and content of common entries.
func (e *explainer) entries(ctx context.Context, p pair, old, new []entry) error {
	w := &walk{p: p, old: old, new: new}
	w.match()
	e.order(w)
	e.renamed(w)
	for _, i := range w.removed {
		e.note(finding{member: w.member(old[i]), what: "removed", old: plural(old[i].size, "byte")})
	}
	for _, i := range w.added {
		e.note(finding{member: w.member(new[i]), what: "added", new: plural(new[i].size, "byte")})
	}
	for _, x := range w.pairs {
		if err := e.entry(ctx, w, old[x[0]], new[x[1]]); err != nil {
			return err
		}
	}
	return nil
}

// entry compares two entries with the same name.
func (e *explainer) entry(ctx context.Context, w *walk, old, new entry) error {
	member, before := w.member(old), e.out.count
	e.attrs(member, old.attrs, new.attrs)
	if old.sum == new.sum {
		if old.packedSum != new.packedSum && e.out.count == before {
			e.note(finding{member: member, what: "compressed", old: plural(old.packed, "byte"), new: plural(new.packed, "byte")})
		}
		return nil
	}
	if old.open == nil || new.open == nil {
		return nil // one has no content; an attribute says so
	}
	key := [2][32]byte{old.sum, new.sum}
	if at, ok := e.seen[key]; ok || e.out.full() {
		d := Difference{Member: member, What: "content"}
		if ok {
			d.Cause = "as in " + at
		}
		e.out.add(d)
		return nil
	}
	if e.seen == nil {
		e.seen = map[[2][32]byte]string{}
	}
	e.seen[key] = member
	defer e.release(len(e.closers))
	p, err := pair{member: member, depth: w.p.depth + 1}, error(nil)
	if p.old, err = old.open(ctx); err != nil {
		return err
	}
	if p.new, err = new.open(ctx); err != nil {
		return err
	}
	return e.explain(ctx, p)
}

func (w *walk) member(x entry) string { return join(w.p.member, printable(x.name)) }

// match finds the common, the removed and the added entries. The n-th entry of a name is
// compared with the n-th of that name.
func (w *walk) match() {
	type key struct {
		name string
		n    int
	}
	index, seen := map[key]int{}, map[string]int{}
	for i, x := range w.new {
		index[key{x.name, seen[x.name]}] = i
		seen[x.name]++
	}
	clear(seen)
	for i, x := range w.old {
		k := key{x.name, seen[x.name]}
		seen[x.name]++
		if j, ok := index[k]; ok {
			w.pairs = append(w.pairs, [2]int{i, j})
			delete(index, k)
		} else {
			w.removed = append(w.removed, i)
		}
	}
	for _, j := range index {
		w.added = append(w.added, j)
	}
	slices.Sort(w.added)
}

// order notes that the common entries are in another order.
func (e *explainer) order(w *walk) {
	sorted := slices.SortedFunc(slices.Values(w.pairs), func(x, y [2]int) int { return cmp.Compare(x[1], y[1]) })
	for i := range sorted {
		if sorted[i] == w.pairs[i] {
			continue
		}
		at := func(list []entry, i int) string { return printable(fmt.Sprintf("entry %d is %s", i+1, list[i].name)) }
		e.note(finding{
			member: w.p.member, what: "order", old: at(w.old, w.pairs[i][0]), new: at(w.new, sorted[i][1]),
			sorted: [2]string{orderOf(names(w.old)), orderOf(names(w.new))},
		})
		return
	}
}

func names(entries []entry) []string {
	names := make([]string, len(entries))
	for i := range entries {
		names[i] = strings.TrimSuffix(entries[i].name, "/")
	}
	return names
}

// renamed notes entries that were removed and added with the same content, and takes them off
// those lists.
func (e *explainer) renamed(w *walk) {
	bySum := map[[32]byte]int{}
	for _, j := range w.added {
		if w.new[j].size > 0 {
			bySum[w.new[j].sum] = j
		}
	}
	renamed := map[int]bool{}
	w.removed = slices.DeleteFunc(w.removed, func(i int) bool {
		j, ok := bySum[w.old[i].sum]
		if !ok || w.old[i].size == 0 {
			return false
		}
		delete(bySum, w.old[i].sum)
		renamed[j] = true
		e.note(finding{member: w.member(w.old[i]), what: "name", old: w.old[i].name, new: w.new[j].name})
		return true
	})
	w.added = slices.DeleteFunc(w.added, func(j int) bool { return renamed[j] })
}

// The orders of names.
const (
	orderBytes  = "bytes"
	orderFolded = "folded" // as in many locales
)

func orderOf(names []string) string {
	fold := strings.NewReplacer("-", "", "_", "", ".", "", "/", "", " ", "")
	by := func(key func(string) string) bool {
		return slices.IsSortedFunc(names, func(a, b string) int { return strings.Compare(key(a), key(b)) })
	}
	switch {
	case slices.IsSorted(names):
		return orderBytes
	case by(strings.ToLower), by(func(s string) string { return fold.Replace(strings.ToLower(s)) }):
		return orderFolded
	}
	return ""
}
