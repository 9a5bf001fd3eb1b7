package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"

	"github.com/klauspost/compress/zstd"

	"github.com/jasonwzm/release-builder/tools/internal/base/fileio"
)

// A file is a recording as it is stored: JSON in columns, compressed with zstd. Numbers that
// ascend are stored as differences, so that what the actions of one platform read looks like
// what those of another one read.
type file struct {
	Name    string   `json:"name"`
	Span    float64  `json:"span"`
	Alike   int      `json:"alike"`
	Untimed int      `json:"untimed"`
	Goal    []int    `json:"goal"`
	Words   []string `json:"words"` // mnemonics and labels
	Actions struct {
		Mnemonic []int   `json:"mnemonic"` // index of Words
		Label    []int   `json:"label"`    // the same
		Best     []int   `json:"best"`
		Extra    []int   `json:"extra"` // Wall without Best
		Inputs   [][]int `json:"inputs"`
	} `json:"actions"`
	Blobs struct {
		Bytes []int64 `json:"bytes"`
		From  []int   `json:"from"`
	} `json:"blobs"`
	Sets struct {
		Blobs [][]int `json:"blobs"`
		Sets  [][]int `json:"sets"`
	} `json:"sets"`
}

// write writes the recording. Sizes are rounded to two digits.
func (r *Recording) write(name string) error {
	f := &file{Name: r.Name, Span: r.Span, Alike: r.Alike, Untimed: r.Untimed, Goal: differences(r.Goal, 0)}
	words := map[string]int{}
	word := func(w string) int {
		if _, ok := words[w]; !ok {
			words[w] = len(words)
			f.Words = append(f.Words, w)
		}
		return words[w]
	}
	a := &f.Actions
	for _, action := range r.Actions {
		a.Mnemonic, a.Label = append(a.Mnemonic, word(action.Mnemonic)), append(a.Label, word(action.Label))
		a.Best, a.Extra = append(a.Best, action.Best), append(a.Extra, action.Wall-action.Best)
		a.Inputs = append(a.Inputs, action.Inputs)
	}
	a.Label, a.Inputs = differences(a.Label, 0), eachDifferences(a.Inputs)
	for _, b := range r.Blobs {
		f.Blobs.Bytes, f.Blobs.From = append(f.Blobs.Bytes, rounded(b.Bytes)), append(f.Blobs.From, b.From)
	}
	f.Blobs.From = differences(f.Blobs.From, 0)
	for i, s := range r.Sets {
		f.Sets.Blobs, f.Sets.Sets = append(f.Sets.Blobs, s.Blobs), append(f.Sets.Sets, differences(s.Sets, i))
	}
	f.Sets.Blobs = eachDifferences(f.Sets.Blobs)
	data, err := json.Marshal(f)
	if err != nil {
		return err
	}
	z, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedBestCompression), zstd.WithEncoderConcurrency(1))
	if err != nil {
		return err
	}
	return fileio.WriteFile(name, z.EncodeAll(data, nil), 0o644)
}

// readRecording reads what write wrote.
func readRecording(from io.Reader) (*Recording, error) {
	z, err := zstd.NewReader(from)
	if err != nil {
		return nil, err
	}
	defer z.Close()
	var b bytes.Buffer
	if _, err := b.ReadFrom(z); err != nil {
		return nil, err
	}
	var f file
	if err := json.Unmarshal(b.Bytes(), &f); err != nil {
		return nil, err
	}
	r := &Recording{Name: f.Name, Span: f.Span, Alike: f.Alike, Untimed: f.Untimed, Goal: sums(f.Goal, 0)}
	a := f.Actions
	labels, inputs, blobs := sums(a.Label, 0), eachSums(a.Inputs), eachSums(f.Sets.Blobs)
	n := len(a.Best)
	if len(a.Mnemonic) != n || len(labels) != n || len(a.Extra) != n || len(a.Inputs) != n || len(f.Blobs.From) != len(f.Blobs.Bytes) || len(f.Sets.Sets) != len(f.Sets.Blobs) {
		return nil, fmt.Errorf("columns differ in length")
	}
	for i := range n {
		if m, l := a.Mnemonic[i], labels[i]; min(m, l) < 0 || max(m, l) >= len(f.Words) {
			return nil, fmt.Errorf("action %d has the words %d and %d, want some of %d", i, m, l, len(f.Words))
		}
		r.Actions = append(r.Actions, Action{f.Words[a.Mnemonic[i]], f.Words[labels[i]], a.Best[i] + a.Extra[i], a.Best[i], inputs[i]})
	}
	for i, from := range sums(f.Blobs.From, 0) {
		r.Blobs = append(r.Blobs, Blob{f.Blobs.Bytes[i], from})
	}
	for i := range f.Sets.Blobs {
		r.Sets = append(r.Sets, Set{blobs[i], sums(f.Sets.Sets[i], i)})
	}
	return r, r.validate()
}

// differences returns the difference of each number to the one before it, the first one's to from.
func differences(all []int, from int) []int {
	d := slices.Clone(all)
	for i, n := range all {
		d[i], from = n-from, n
	}
	return d
}

// sums is the reverse of differences.
func sums(d []int, from int) []int {
	all := slices.Clone(d)
	for i, n := range d {
		from += n
		all[i] = from
	}
	return all
}

// eachDifferences has differences for each list, of its first number to the first one of the list
// before.
func eachDifferences(lists [][]int) [][]int {
	var all [][]int
	from := 0
	for _, list := range lists {
		all = append(all, differences(list, from))
		if len(list) > 0 {
			from = list[0]
		}
	}
	return all
}

// eachSums is the reverse of eachDifferences.
func eachSums(lists [][]int) [][]int {
	var all [][]int
	from := 0
	for _, d := range lists {
		list := sums(d, from)
		all = append(all, list)
		if len(list) > 0 {
			from = list[0]
		}
	}
	return all
}

// rounded rounds to two digits.
func rounded(n int64) int64 {
	unit := int64(1)
	for n/unit >= 100 {
		unit *= 10
	}
	return int64(math.Round(float64(n)/float64(unit))) * unit
}
