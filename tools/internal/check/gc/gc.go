// Package gc finds what releases keep on a machine, and removes what nothing needs.
//
//	Keep      what has to stay: what locks, go.sum files and so on need
//	New       looks at every place and returns a Plan; it changes nothing
//	Remove    removes what a plan lists
//
// Files that gc does not know stay, and a note says so. Gc follows no symbolic link, and
// looks at nothing outside the places in Args.
package gc

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"
)

// Args says where to look and what to remove.
type Args struct {
	Keep *Keep
	// The places are directories. An empty name, or one that does not exist, has nothing.
	Store       string
	Disk        string // Bazel's disk cache
	Cache       string // the launcher's: roots, the go command's cache
	OutputBases string // the directory with Bazel's output bases
	State       string // plans, receipts and embedded stages
	// Root is the root in which the launcher runs Bazel now; may be empty.
	Root string
	// Stage lists the releases to remove from a stage; nothing else of a stage is removed.
	Stage Releases
	// DiskSize is the size in bytes to shrink Bazel's disk cache to; negative: leave it.
	DiskSize int64
	// Now is the time. What was used less than MinAge ago stays: a running build or resolve
	// may have just written it or looked it up.
	Now    time.Time
	MinAge time.Duration
	// Processes are the command lines of running processes; see [Processes].
	Processes [][]string
}

// Plan says what the places hold and what is removed.
type Plan struct {
	Sections []*Section `json:"sections"`
	Size     int64      `json:"size"`  // of all, in bytes
	Goes     int64      `json:"goes"`  // of that, what is to be removed
	Freed    int64      `json:"freed"` // of that, what Remove has removed
}

// Section is one place.
type Section struct {
	Name  string  `json:"name"`
	Dir   string  `json:"dir"`
	Size  int64   `json:"size"` // in bytes
	Stays []Group `json:"stays"`
	// Goes lists what is removed, sorted by path. A cache whose entries have no readable
	// names has a group instead.
	Goes      []Item   `json:"goes"`
	GoesGroup *Group   `json:"goes_group,omitempty"`
	Notes     []string `json:"notes,omitempty"`

	entries []entry
	unnamed bool // entries have no readable names
	// before, if set, runs before anything is removed; hold, if set, runs around each removal.
	before func(*os.Root) error
	hold   func() (unlock func(), err error)
}

// Item is a file or directory that is removed as a whole.
type Item struct {
	Path string `json:"path"` // slash-separated, relative to the section's Dir
	Size int64  `json:"size"` // in bytes
	Why  string `json:"why"`
}

// Group sums up entries that stay, or are removed, for the same reason.
type Group struct {
	Why     string `json:"why"`
	Entries int    `json:"entries"`
	Size    int64  `json:"size"` // in bytes
}

// entry is a file or a directory in a section, which stays or goes as a whole.
type entry struct {
	path string // slash-separated, relative to the section's directory
	size int64
	time time.Time // when it was last used, by its files' times
	tree bool      // it is a directory
	// named means that a person asked for it: it is removed regardless of its age. If do is
	// set, do changes something that stays, and nothing is removed.
	named bool
	do    func(ctx context.Context, root *os.Root) error
	why   string // it stays or goes
	goes  bool
}

// New looks at every place and decides what to remove.
func New(ctx context.Context, a Args) (*Plan, error) {
	if err := a.Stage.check(a.State); err != nil {
		return nil, err
	}
	p := &Plan{}
	var errs []error
	for _, place := range []struct {
		name, dir string
		look      func(context.Context, *Args, *looker) error
	}{
		{"store", a.Store, lookAtStore},
		{"disk cache", a.Disk, lookAtDisk},
		{"roots and launcher", a.Cache, lookAtCache},
		{"output bases", a.OutputBases, lookAtOutputBases},
		{"runs and stages", a.State, lookAtState},
	} {
		if place.dir == "" {
			continue
		}
		s := &Section{Name: place.name, Dir: place.dir, Stays: []Group{}, Goes: []Item{}}
		if err := look(ctx, &a, s, place.look); err != nil {
			errs = append(errs, fmt.Errorf("looking at %s %q: %w", place.name, place.dir, err))
			continue
		}
		s.sum(&a)
		p.Sections = append(p.Sections, s)
		p.Size += s.Size
		for _, it := range s.Goes {
			p.Goes += it.Size
		}
		if s.GoesGroup != nil {
			p.Goes += s.GoesGroup.Size
		}
	}
	return p, errors.Join(errs...)
}

func look(ctx context.Context, a *Args, s *Section, at func(context.Context, *Args, *looker) error) error {
	root, err := os.OpenRoot(s.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer root.Close()
	l := &looker{Section: s, root: root}
	if err := l.leftovers(ctx); err != nil {
		return err
	}
	return at(ctx, a, l)
}

const (
	needed   = "a kept lock, go.sum or go_sdk.json needs it"
	unneeded = "no kept lock needs it"
	stale    = "left behind by an interrupted run"
)

// sum applies MinAge and fills in the section's sums.
func (s *Section) sum(a *Args) {
	groups := map[string]int{}
	for i := range s.entries {
		e := &s.entries[i]
		s.Size += e.size
		if e.goes && !e.named && a.Now.Sub(e.time) < a.MinAge {
			e.goes, e.why = false, fmt.Sprintf("was used less than %s ago", shortDuration(a.MinAge))
		}
		switch {
		case !e.goes:
			at, ok := groups[e.why]
			if !ok {
				at, groups[e.why] = len(s.Stays), len(s.Stays)
				s.Stays = append(s.Stays, Group{Why: e.why})
			}
			s.Stays[at].Entries++
			s.Stays[at].Size += e.size
		case s.unnamed:
			if s.GoesGroup == nil {
				s.GoesGroup = &Group{Why: e.why}
			}
			s.GoesGroup.Entries++
			s.GoesGroup.Size += e.size
		default:
			s.Goes = append(s.Goes, Item{e.path, e.size, e.why})
		}
	}
}
