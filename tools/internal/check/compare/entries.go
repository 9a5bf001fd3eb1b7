package compare

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// attr is one field of a header, and what it says, for people.
type attr struct{ what, value string }

type attrs []attr

type attrsArgs struct {
	member   string
	format   format
	old, new attrs
}

// attrs notes each field that differs. A field that only one side has is empty on
// the other.
func (e *explainer) attrs(a attrsArgs) {
	values := map[string]string{}
	for _, x := range a.new {
		values[x.what] = x.value
	}
	done := map[string]bool{}
	note := func(what, old, new string) {
		if old != new && (what != "timestamps" || !done["mtime"]) {
			done[what] = true
			e.note(finding{member: a.member, format: a.format, what: what, old: old, new: new})
		}
	}
	known := map[string]bool{}
	for _, x := range a.old {
		known[x.what] = true
		note(x.what, x.value, values[x.what])
	}
	for _, x := range a.new {
		if !known[x.what] {
			note(x.what, "", x.value)
		}
	}
}

// entry is one entry of an archive. Its content is named by its sum.
type entry struct {
	name  string
	attrs attrs
	size  int64
	sum   [32]byte
}

// archive is one side of two archives that are compared.
type archive interface {
	// list are all entries, in order.
	list() []entry
	// content returns the content of entry i. What is not readable at any place
	// has to be read before the next call.
	content(ctx context.Context, i int) (content, error)
	// close releases what content took.
	close()
}

// entryKey names an entry: the n-th of its name.
type entryKey struct {
	name string
	n    int
}

func keysOf(entries []entry) []entryKey {
	seen := map[string]int{}
	keys := make([]entryKey, len(entries))
	for i, x := range entries {
		keys[i] = entryKey{x.name, seen[x.name]}
		seen[x.name]++
	}
	return keys
}

// archives is a comparison of two archives under way.
type archives struct {
	p        pair
	format   format
	old, new archive
	pairs    [][2]int // indexes of what both have, in the order of old
	removed  []int
	added    []int
}

func (e *explainer) archives(ctx context.Context, a *archives) error {
	defer a.old.close()
	defer a.new.close()
	a.match()
	e.order(a)
	e.renamed(a)
	olds, news := a.old.list(), a.new.list()
	for _, i := range a.removed {
		e.note(finding{member: join(a.p.member, printable(olds[i].name)), format: a.format, what: "removed", old: plural(int(olds[i].size), "byte")})
	}
	for _, i := range a.added {
		e.note(finding{member: join(a.p.member, printable(news[i].name)), format: a.format, what: "added", new: plural(int(news[i].size), "byte")})
	}
	for _, x := range a.pairs {
		old, new := olds[x[0]], news[x[1]]
		member := join(a.p.member, printable(old.name))
		e.attrs(attrsArgs{member: member, format: a.format, old: old.attrs, new: new.attrs})
		if old.sum == new.sum {
			continue
		}
		if e.out.full() {
			e.out.add(Difference{Member: member, What: "content"})
			continue
		}
		if err := e.entry(ctx, a, x); err != nil {
			return err
		}
	}
	return nil
}

// match finds what both archives have, what is removed and what is added.
func (a *archives) match() {
	index := map[entryKey]int{}
	for i, k := range keysOf(a.new.list()) {
		index[k] = i
	}
	for i, k := range keysOf(a.old.list()) {
		j, ok := index[k]
		if !ok {
			a.removed = append(a.removed, i)
			continue
		}
		a.pairs = append(a.pairs, [2]int{i, j})
		delete(index, k)
	}
	for _, j := range index {
		a.added = append(a.added, j)
	}
	slices.Sort(a.added)
}

// order notes that what both archives have is in another order.
func (e *explainer) order(a *archives) {
	sorted := slices.SortedFunc(slices.Values(a.pairs), func(x, y [2]int) int { return cmp.Compare(x[1], y[1]) })
	for i := range sorted {
		if sorted[i] == a.pairs[i] {
			continue
		}
		olds, news := a.old.list(), a.new.list()
		e.note(finding{
			member: a.p.member, format: a.format, what: "order",
			old:    printable(fmt.Sprintf("entry %d is %s", a.pairs[i][0]+1, olds[a.pairs[i][0]].name)),
			new:    printable(fmt.Sprintf("entry %d is %s", sorted[i][1]+1, news[sorted[i][1]].name)),
			sorted: [2]string{orderOf(olds), orderOf(news)},
		})
		return
	}
}

// renamed notes what was removed and added with the same content, which then is
// neither.
func (e *explainer) renamed(a *archives) {
	olds, news := a.old.list(), a.new.list()
	bySum := map[[32]byte]int{}
	for _, j := range a.added {
		if news[j].size > 0 {
			bySum[news[j].sum] = j
		}
	}
	renamed := map[int]bool{}
	a.removed = slices.DeleteFunc(a.removed, func(i int) bool {
		j, ok := bySum[olds[i].sum]
		if !ok || olds[i].size == 0 {
			return false
		}
		delete(bySum, olds[i].sum)
		renamed[j] = true
		e.note(finding{member: join(a.p.member, printable(olds[i].name)), format: a.format, what: "name", old: olds[i].name, new: news[j].name})
		return true
	})
	a.added = slices.DeleteFunc(a.added, func(j int) bool { return renamed[j] })
}

// entry looks into an entry whose content differs.
func (e *explainer) entry(ctx context.Context, a *archives, x [2]int) error {
	old, err := a.old.content(ctx, x[0])
	if err != nil {
		return err
	}
	new, err := a.new.content(ctx, x[1])
	if err != nil {
		return err
	}
	p := a.p.in(printable(a.old.list()[x[0]].name), old, new)
	if old.at == nil && old.size <= maxHeld && new.size <= maxHeld {
		var release func()
		if p, release, err = e.hold(ctx, p); err != nil {
			return err
		}
		defer release()
	}
	if (p.old.at == nil || p.new.at == nil) && a.format == formatTar {
		return e.stream(ctx, p) // it can be read once only
	}
	return e.explain(ctx, p)
}

// The orders that names can be in.
const (
	orderBytes  = "bytes"
	orderFolded = "folded" // as many locales collate
)

func orderOf(entries []entry) string {
	names := make([]string, len(entries))
	for i := range entries {
		names[i] = strings.TrimSuffix(entries[i].name, "/")
	}
	return orderOfNames(names)
}

func orderOfNames(names []string) string {
	fold := func(s string) string {
		return strings.Map(func(r rune) rune {
			if strings.ContainsRune("-_./ ", r) {
				return -1
			}
			return r
		}, strings.ToLower(s))
	}
	switch {
	case slices.IsSorted(names):
		return orderBytes
	case slices.IsSortedFunc(names, func(a, b string) int { return strings.Compare(fold(a), fold(b)) }),
		slices.IsSortedFunc(names, func(a, b string) int { return strings.Compare(strings.ToLower(a), strings.ToLower(b)) }):
		return orderFolded
	}
	return ""
}

// once is content that was opened already.
func once(r io.Reader, size int64) content {
	return content{size: size, open: func(context.Context) (io.ReadCloser, error) { return io.NopCloser(r), nil }}
}

func octal(mode int64) string { return "0" + strconv.FormatInt(mode, 8) }
