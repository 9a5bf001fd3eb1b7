package main

import (
	"fmt"
	"slices"
	"strings"
)

// repeat returns the recording of a release of copies times as many programs, archives, images
// and packages. It is made up: nobody built it.
//
//   - The client's files, the standard library and the packages of other modules (in vendor) are
//     shared by all copies, as they are by the programs of one source.
//   - What describes the whole release, such as the SBOM and the tree, is there once. It reads
//     what it read, from all copies, and takes copies times as long.
//   - Everything else is there copies times.
func repeat(r *Recording, copies int) *Recording {
	c := &copier{from: r, copies: copies, to: &Recording{Name: fmt.Sprintf("%d targets", copies*targets(r)), Of: fmt.Sprintf("%s, %d times", r.Name, copies), Alike: r.Alike, Untimed: r.Untimed}}
	c.whole = wholes(r)
	for n := range copies {
		for i, a := range r.Actions {
			if n > 0 && (shared(a) || c.whole[i]) {
				continue
			}
			if c.whole[i] {
				a.Wall, a.Best = a.Wall*copies, a.Best*copies
			}
			c.actions = append(c.actions, place{i, n})
			c.to.Actions = append(c.to.Actions, a)
		}
	}
	c.index()
	for n := range copies {
		c.copyBlobs(n)
	}
	for n := range copies {
		c.copySets(n)
	}
	for to, at := range c.actions {
		a := &c.to.Actions[to]
		sets := a.Inputs
		a.Inputs = nil
		last := at.copy
		if c.whole[at.index] {
			last = copies - 1
		}
		for n := at.copy; n <= last; n++ {
			for _, s := range sets {
				a.Inputs = append(a.Inputs, n*len(r.Sets)+s)
			}
		}
	}
	for _, b := range r.Goal {
		c.to.Goal = append(c.to.Goal, c.blob(b, 0))
	}
	return c.to
}

// A place is an action of a copy.
type place struct{ index, copy int }

type copier struct {
	from, to *Recording
	copies   int
	whole    []bool // of the actions of from
	actions  []place
	at       map[place]int
	blobs    map[place]int
}

// shared reports whether all copies share an action.
func shared(a Action) bool {
	return strings.HasPrefix(a.Mnemonic, "GoStdlib") || a.Mnemonic == "GoCompilePkg" && strings.Contains(a.Label, "//vendor/")
}

// wholes reports for each action whether it describes the whole release: it makes the goal, or
// is the only one of its mnemonic.
func wholes(r *Recording) []bool {
	count := map[string]int{}
	for _, a := range r.Actions {
		count[a.Mnemonic]++
	}
	all := make([]bool, len(r.Actions))
	for i, a := range r.Actions {
		all[i] = count[a.Mnemonic] == 1 && slices.Contains(wholeMnemonics, a.Mnemonic)
	}
	return all
}

// wholeMnemonics are of the actions that read the whole release.
var wholeMnemonics = []string{
	"ReleaseLicenses", "ReleaseManifest", "ReleasePackageManifests", "ReleasePage", "ReleaseProvenance", "ReleaseSBOM", "ReleaseTree",
}

func (c *copier) index() {
	c.at, c.blobs = map[place]int{}, map[place]int{}
	for to, at := range c.actions {
		c.at[at] = to
	}
}

// copyBlobs adds the blobs that copy n has for itself.
func (c *copier) copyBlobs(n int) {
	for i, b := range c.from.Blobs {
		if b.From == client {
			if n > 0 {
				continue
			}
		} else {
			maker, ok := c.at[place{b.From, n}]
			if !ok {
				continue
			}
			if b.From = maker; c.whole[c.actions[maker].index] {
				b.Bytes *= int64(c.copies)
			}
		}
		c.blobs[place{i, n}] = len(c.to.Blobs)
		c.to.Blobs = append(c.to.Blobs, b)
	}
}

// blob returns the blob of copy n, or the one that all copies share.
func (c *copier) blob(i, n int) int {
	if at, ok := c.blobs[place{i, n}]; ok {
		return at
	}
	return c.blobs[place{i, 0}]
}

// copySets adds the sets of copy n.
func (c *copier) copySets(n int) {
	for _, s := range c.from.Sets {
		var set Set
		for _, b := range s.Blobs {
			set.Blobs = append(set.Blobs, c.blob(b, n))
		}
		for _, child := range s.Sets {
			set.Sets = append(set.Sets, n*len(c.from.Sets)+child)
		}
		c.to.Sets = append(c.to.Sets, set)
	}
}

// targets returns how many targets of a release have an action: its programs, archives, images,
// charts and packages.
func targets(r *Recording) int {
	labels := map[string]bool{}
	for _, a := range r.Actions {
		if a.Mnemonic == "GoLink" || strings.HasPrefix(a.Mnemonic, "Release") {
			labels[a.Label] = true
		}
	}
	return len(labels)
}
