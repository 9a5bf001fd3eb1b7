package registry

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"path"
	"sync/atomic"

	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/base/parallel"
	"github.com/jasonwzm/release-builder/tools/internal/publish"
)

// minProbe is the size of a blob from which it is worth a request to find out whether it
// exists.
const minProbe = 64 << 10

// The priorities of tasks: first those that others wait for.
const (
	first = iota
	unlocks
	shared
	config
	alone
)

// Apply implements [publish.Destination].
func (d *destination) Apply(ctx context.Context, phase publish.Phase, items []publish.Item, report publish.Report) error {
	if len(items) == 0 {
		return nil
	}
	if report == nil {
		report = func(publish.Progress) {}
	}
	s, err := d.hub.open(ctx, d.names(), true)
	if err != nil {
		return err
	}
	if phase == publish.Reveal {
		return d.reveal(ctx, s, items, report)
	}
	u := &upload{d: d, s: s, report: report, owners: map[digest.Digest]owner{}, items: map[*node]*publish.Item{}}
	if err := u.choose(items); err != nil {
		return err
	}
	return u.run(ctx)
}

// choose finds the parts of the entries that items are about.
func (u *upload) choose(items []publish.Item) error {
	byName := map[string]*publish.Item{}
	for i := range items {
		byName[items[i].Name] = &items[i]
	}
	for _, e := range u.d.entries {
		of := func(n *node) bool {
			i := byName[u.d.refName(e.name, string(n.digest))]
			if i == nil || i.Phase != publish.Upload || i.Digest != string(n.digest) {
				return false
			}
			u.items[n] = i
			return true
		}
		root, referrers := !e.joined && of(e.root), map[*node]bool{}
		for _, n := range e.referrers {
			referrers[n] = of(n)
		}
		part := e.only(root, referrers)
		if root || len(part.referrers) > 0 {
			u.entries = append(u.entries, part)
		}
		if !root && !e.joined { // already there: others mount blobs from it
			u.own(e.only(true, nil), nil)
		}
	}
	if len(u.items) < len(items) {
		known := map[*publish.Item]bool{}
		for _, i := range u.items {
			known[i] = true
		}
		for i := range items {
			if !known[&items[i]] {
				return fmt.Errorf("%s %s of phase %q is not of this release", items[i].Kind, items[i].Name, items[i].Phase)
			}
		}
	}
	return nil
}

// An upload is one run of the upload phase.
type upload struct {
	d       *destination
	s       session
	report  publish.Report
	entries []*entry // the parts of entries to push
	items   map[*node]*publish.Item

	graph  graph
	mount  *task // the first mount, which shows how the registry handles it
	owners map[digest.Digest]owner
	ask    atomic.Bool // an earlier run was interrupted: ask before sending
}

// An owner is the repository from which others mount a blob.
type owner struct {
	name string
	task *task // nil if the blob is already there
}

// own records which blobs an entry has.
func (u *upload) own(e *entry, tasks map[digest.Digest]*task) {
	for _, n := range e.nodes() {
		for _, b := range n.blobs {
			if _, ok := u.owners[b.digest]; !ok {
				u.owners[b.digest] = owner{e.name, tasks[b.digest]}
			}
		}
	}
}

func (u *upload) run(ctx context.Context) error {
	uses := map[digest.Digest]int{}
	for _, e := range u.entries {
		for _, b := range distinct(e) {
			uses[b.digest]++
		}
	}
	var broken *task
	for _, b := range distinct(u.entries[0]) {
		// An empty config is there if the repository has anything with a subject.
		if b.config && b.path != "" {
			name := u.entries[0].name
			broken = u.graph.add(first, func(ctx context.Context) error {
				there, err := u.s.hasBlob(ctx, name, b.digest)
				u.ask.Store(there)
				return err
			})
			break
		}
	}
	for _, e := range u.entries {
		u.add(e, broken, uses)
	}
	return u.graph.do(ctx, u.d.config.Jobs)
}

// distinct returns the blobs of an entry, without duplicates.
func distinct(e *entry) []blob {
	var all []blob
	seen := map[digest.Digest]bool{}
	for _, n := range e.nodes() {
		for _, b := range n.blobs {
			if !seen[b.digest] {
				seen[b.digest], all = true, append(all, b)
			}
		}
	}
	return all
}

// A push pushes one entry.
type push struct {
	*upload
	entry    *entry
	largest  digest.Digest // of the blobs to send; the one to probe
	there    bool          // largest is there
	complete bool          // everything is there
}

// add adds the tasks of an entry.
func (u *upload) add(e *entry, broken *task, uses map[digest.Digest]int) {
	p := &push{upload: u, entry: e}
	start := u.graph.add(first, p.start, broken, p.probe())
	blobs := map[digest.Digest]*task{}
	for _, b := range distinct(e) {
		if o, ok := u.owners[b.digest]; ok && o.name == e.name { // another variant has it
			blobs[b.digest] = o.task
			continue
		}
		from, priority := owner{}, alone
		switch o, ok := u.owners[b.digest]; {
		case u.d.mount != "":
			from, priority = owner{name: path.Join(u.d.mount, e.name)}, unlocks
		case ok:
			from, priority = owner{name: path.Join(u.d.path, o.name), task: o.task}, unlocks
		case b.config:
			priority = config
		case uses[b.digest] > 1:
			priority = shared
		}
		push := func(ctx context.Context) error { return p.blob(ctx, b, from.name) }
		if from.name == "" {
			blobs[b.digest] = u.graph.add(priority, push, start)
			continue
		}
		t := u.graph.add(priority, push, start, from.task, u.mount)
		if u.mount == nil {
			u.mount = t
		}
		blobs[b.digest] = t
	}
	u.own(e, blobs)
	p.manifests(start, blobs)
}

// probe checks whether the largest blob to send exists. If an earlier version or an
// interrupted run has sent it, other blobs may exist too.
func (p *push) probe() *task {
	size := int64(minProbe - 1)
	for _, b := range distinct(p.entry) {
		if _, ok := p.owners[b.digest]; !ok && p.d.mount == "" && b.size > size {
			p.largest, size = b.digest, b.size
		}
	}
	if p.largest == "" {
		return nil
	}
	return p.graph.add(first, func(ctx context.Context) (err error) {
		p.there, err = p.s.hasBlob(ctx, p.entry.name, p.largest)
		return err
	})
}

// start finds out whether another run has pushed everything since the plan.
func (p *push) start(ctx context.Context) (err error) {
	if p.ask.Load() && p.entry.root != nil {
		p.complete, err = p.d.hasRoot(ctx, p.s, p.entry)
	}
	if p.complete {
		missing, err := unlisted(ctx, p.s, p.entry)
		p.complete = err == nil && len(missing) == 0
		return err
	}
	return err
}

func (p *push) blob(ctx context.Context, b blob, from string) error {
	ask := from == "" && (p.ask.Load() || p.there)
	switch {
	case p.complete, p.there && b.digest == p.largest:
		return nil
	case ask && b.digest == p.largest && !p.there:
		ask = false // already asked
	}
	if ask {
		if there, err := p.s.hasBlob(ctx, p.entry.name, b.digest); err != nil || there {
			return err
		}
	}
	return p.s.pushBlob(ctx, blobPush{
		name: p.entry.name, blob: b, from: from,
		open: func(ctx context.Context) (io.ReadCloser, error) { return b.open(ctx, p.d.tree) },
		sent: func(n int64) { p.report(publish.Progress{Bytes: n}) },
	})
}

// manifests adds the tasks that put manifests, children first. Referrers of the root or its
// children also come before the root, so that an existing root means that everything is
// there.
func (p *push) manifests(start *task, blobs map[digest.Digest]*task) {
	done := map[digest.Digest]*task{}
	var before []*task
	list := newReferrers()
	put := func() {
		if len(before) > 0 {
			run := func(ctx context.Context) error { return p.list(ctx, list) }
			before = append(before, p.graph.add(unlocks, run, before...))
		}
	}
	for _, n := range p.entry.nodes() {
		if done[n.digest] != nil {
			continue
		}
		after := []*task{start}
		for _, b := range n.blobs {
			after = append(after, blobs[b.digest])
		}
		for _, c := range n.children {
			after = append(after, done[c.digest])
		}
		if n == p.entry.root {
			put()
			after = append(after, before...)
		}
		done[n.digest] = p.graph.add(unlocks, func(ctx context.Context) error { return p.manifest(ctx, n, list) }, after...)
		if n.subject != nil {
			before = append(before, done[n.digest])
		}
	}
	if p.entry.root == nil {
		put()
	}
}

// list adds referrers to the lists of their subjects. With that they are done.
func (p *push) list(ctx context.Context, all *referrers) error {
	if err := all.put(ctx, p.s, p.entry.name, p.d.retry()); err != nil {
		return err
	}
	for _, n := range p.entry.referrers {
		p.report(publish.Progress{Done: p.items[n]})
	}
	return nil
}

func (p *push) manifest(ctx context.Context, n *node, unlisted *referrers) error {
	if !p.complete {
		listed, err := p.s.putManifest(ctx, p.entry.name, string(n.digest), n)
		if err != nil {
			return err
		}
		if n.subject != nil && !listed {
			unlisted.add(n)
		}
		p.report(publish.Progress{Bytes: int64(len(n.raw))})
	}
	if n == p.entry.root {
		p.report(publish.Progress{Done: p.items[n]})
	}
	return nil
}

// reveal writes the tags: the first tag of all images and variants, then the next of all.
func (d *destination) reveal(ctx context.Context, s session, items []publish.Item, report publish.Report) error {
	tags := d.revealed()
	for _, i := range items {
		t, ok := tags[i.Name]
		if !ok || i.Phase != publish.Reveal || i.Digest != string(t.entry.root.digest) {
			return fmt.Errorf("%s %s of phase %q is not of this release", i.Kind, i.Name, i.Phase)
		}
	}
	for len(items) > 0 {
		n := 1
		for n < len(items) && tags[items[n].Name].rank == tags[items[0].Name].rank {
			n++
		}
		if err := d.writeTags(ctx, s, tags, items[:n], report); err != nil {
			return err
		}
		items = items[n:]
	}
	return nil
}

// writeTags writes one tag each of several images: none of them if one has changed.
func (d *destination) writeTags(ctx context.Context, s session, tags map[string]revealed, items []publish.Item, report publish.Report) error {
	there := make([]bool, len(items))
	err := parallel.DoAll(ctx, len(items), d.config.Jobs, func(ctx context.Context, i int) error {
		t := tags[items[i].Name]
		found, err := s.head(ctx, t.entry.name, t.tag)
		if err == nil && string(found) != items[i].Digest {
			err = unchanged(items[i], found)
		}
		there[i] = string(found) == items[i].Digest
		return err
	})
	if err != nil {
		return err
	}
	return parallel.DoAll(ctx, len(items), d.config.Jobs, func(ctx context.Context, i int) error {
		if !there[i] {
			if err := d.writeTag(ctx, s, tags[items[i].Name], items[i]); err != nil {
				return err
			}
		}
		report(publish.Progress{Done: &items[i]})
		return nil
	})
}

// writeTag writes a tag. Before another attempt it looks what is there: the answer to a write
// that took place may be lost, and somebody else may have moved the tag since.
func (d *destination) writeTag(ctx context.Context, s session, t revealed, item publish.Item) error {
	return d.retry().Do(ctx, func(attempt int) error {
		if attempt > 1 {
			found, err := s.head(ctx, t.entry.name, t.tag)
			if err != nil || string(found) == item.Digest {
				return err
			}
			if err := unchanged(item, found); err != nil {
				return err
			}
		}
		_, err := s.putManifest(ctx, t.entry.name, t.tag, t.entry.root)
		return err
	})
}

// unchanged returns an error if a tag has changed since the plan.
func unchanged(item publish.Item, found digest.Digest) error {
	if string(found) == item.Guard {
		return nil
	}
	name := func(s string) string { return cmp.Or(s, "nothing") }
	return fmt.Errorf("tag %s: got %s there, want %s: %w", item.Name, name(string(found)), name(item.Guard), publish.ErrChanged)
}
