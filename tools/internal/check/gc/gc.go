// Package gc says what a machine keeps of releases, and removes what nothing needs.
//
//	Keep      what stays: what locks, go.sum files and the like need; Read reads them
//	Plan      looks at every place and decides; it changes nothing
//	Remove    removes what a plan says goes
//
// Whatever is not understood stays, and a note says so. Nothing that a symbolic link
// leads to is looked at or removed, and nothing outside the places in Args. It is worth
// its lines because only the locks know what a store and a stage have to keep: without
// it, both grow until somebody deletes them whole.
package gc

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"
)

// Args say where to look and what goes.
type Args struct {
	Keep *Keep
	// The places, directories; one that is empty or missing has nothing in it.
	Store       string
	Disk        string // Bazel's disk cache
	Cache       string // of the launcher: its roots, the cache of the go command
	OutputBases string // the directory that has Bazel's output bases
	State       string // plans, receipts and embedded stages
	// Root is the root that the launcher runs Bazel in now; empty for none.
	Root string
	// Stage is what is to be removed from a stage; nothing of a stage goes that is not in it.
	Stage Releases
	// DiskSize is what Bazel's disk cache is shrunk to, in bytes; less than 0 leaves it alone.
	DiskSize int64
	// Now is the time, and MinAge how long nothing may have used what goes. What a
	// running build or resolve has just written or looked up is younger.
	Now    time.Time
	MinAge time.Duration
	// Processes are the command lines of what runs; see [Processes].
	Processes [][]string
}

// Plan is what the places hold, and what goes.
type Plan struct {
	Sections []*Section `json:"sections"`
	Size     int64      `json:"size"`  // of all, in bytes
	Goes     int64      `json:"goes"`  // of that, what no kept thing needs
	Freed    int64      `json:"freed"` // of that, what was removed; 0 until Remove
}

// Section is one place.
type Section struct {
	Name  string  `json:"name"`
	Dir   string  `json:"dir"`
	Size  int64   `json:"size"` // in bytes
	Stays []Group `json:"stays"`
	// Goes lists what goes, sorted by path. Of a cache whose entries have no names for
	// people there is a group instead.
	Goes      []Item   `json:"goes"`
	GoesGroup *Group   `json:"goes_group,omitempty"`
	Notes     []string `json:"notes,omitempty"`

	entries []entry
	unnamed bool // entries have no names for people
	// before, if set, runs before anything is removed, and hold around each removal.
	before func(*os.Root) error
	hold   func() (unlock func(), err error)
}

// Item is something that goes as a whole.
type Item struct {
	Path string `json:"path"` // slash-separated, relative to the section's Dir
	Size int64  `json:"size"` // in bytes
	Why  string `json:"why"`
}

// Group sums up entries that stay, or go, for the same reason.
type Group struct {
	Why     string `json:"why"`
	Entries int    `json:"entries"`
	Size    int64  `json:"size"` // in bytes
}

// entry is a file, or a directory that is one thing, in a section.
type entry struct {
	path string // slash-separated, relative to the section's directory
	size int64
	time time.Time // when it was used last, as far as files tell
	tree bool      // it is a directory
	// named says that a person asked for it: it goes whatever its age. If do is set, it is
	// not removed but something that stays is changed.
	named bool
	do    func(ctx context.Context, root *os.Root) error
	why   string // it stays or goes
	goes  bool
}

// New looks at every place and decides what goes.
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
	stale    = "a run that did not end left it"
)

// sum applies the age and fills in what a section shows.
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
