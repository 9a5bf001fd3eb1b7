package main

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// A Recording is what a simulation needs of a build.
type Recording struct {
	Name string
	Of   string // what was repeated; empty for the recording of a build
	// Span is the time from the start of the first action to the end of the last one, in seconds,
	// if one build ran all actions. Else it is 0.
	Span    float64
	Blobs   []Blob
	Sets    []Set
	Actions []Action
	Goal    []int // index of Blobs: what the client wants
	Alike   int   // actions whose time is that of the same action for another platform
	Untimed int   // actions whose time is the median of their mnemonic
}

// A Blob is content that is always read together: files of one action, or of the client.
type Blob struct {
	Bytes int64
	From  int // index of Actions, or client
}

// client is the origin of a blob that is there before the build.
const client = -1

// A Set has blobs, its own and those of other sets.
type Set struct {
	Blobs []int
	Sets  []int
}

// An Action is a program that a build runs.
type Action struct {
	Mnemonic string
	Label    string
	// Wall is how long it took in the recorded build, and Best the shortest time on record for
	// its outputs, both in milliseconds.
	Wall   int
	Best   int
	Inputs []int // index of Sets
}

// recordings are those of this repository.
//
//go:embed recordings/toolbox.json.zst recordings/istio.json.zst
var recordings embed.FS

// readRecordings reads files that write wrote, or the recordings of this repository.
func readRecordings(names []string) ([]*Recording, error) {
	open := func(name string) (fs.File, error) { return os.Open(name) }
	if len(names) == 0 {
		names, open = []string{"recordings/toolbox.json.zst", "recordings/istio.json.zst"}, recordings.Open
	}
	var all []*Recording
	for _, name := range names {
		f, err := open(name)
		if err != nil {
			return nil, err
		}
		r, err := readRecording(f)
		if err := errors.Join(err, f.Close()); err != nil {
			return nil, fmt.Errorf("reading recording %q: %w", name, err)
		}
		all = append(all, r)
	}
	return all, nil
}

// validate returns an error if an index is out of range.
func (r *Recording) validate() error {
	in := func(what string, all []int, n int) error {
		for _, i := range all {
			if i < 0 || i >= n {
				return fmt.Errorf("%s %d: want one of %d", what, i, n)
			}
		}
		return nil
	}
	for _, s := range r.Sets {
		if err := in("blob", s.Blobs, len(r.Blobs)); err != nil {
			return err
		}
		if err := in("set", s.Sets, len(r.Sets)); err != nil {
			return err
		}
	}
	for _, b := range r.Blobs {
		if b.From < client || b.From >= len(r.Actions) {
			return fmt.Errorf("action %d: want one of %d", b.From, len(r.Actions))
		}
	}
	for _, a := range r.Actions {
		if err := in("set", a.Inputs, len(r.Sets)); err != nil {
			return err
		}
	}
	return in("blob", r.Goal, len(r.Blobs))
}
