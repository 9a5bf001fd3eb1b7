package main

import (
	"cmp"
	"fmt"
	"slices"
)

// simplify returns a recording that reads and makes the same, with fewer sets and blobs: a set
// that only one other reads is a part of that, equal sets are one, and so are blobs that one
// action makes and the same sets have.
func simplify(r *Recording) *Recording {
	s := &simplifier{r: r, done: map[int][]int{}, known: map[string]int{}, readers: make([]int, len(r.Sets))}
	s.out = &Recording{Name: r.Name, Span: r.Span, Alike: r.Alike, Untimed: r.Untimed, Actions: slices.Clone(r.Actions)}
	for _, set := range r.Sets {
		for _, child := range set.Sets {
			s.readers[child]++
		}
	}
	for _, a := range r.Actions {
		for _, set := range a.Inputs {
			s.readers[set]++
		}
	}
	for i, a := range r.Actions {
		own := s.merge(Set{Sets: a.Inputs})
		s.out.Actions[i].Inputs = s.add(own)
	}
	s.mergeBlobs()
	return s.out
}

type simplifier struct {
	r, out  *Recording
	readers []int          // of the sets of r: how many sets and actions read it
	done    map[int][]int  // by set of r: the set of out that stands for it; none if it is empty
	known   map[string]int // by content: sets of out
}

// merge takes into a set the content of those sets that nothing else reads, and gives the others
// their numbers in out.
func (s *simplifier) merge(set Set) Set {
	merged := Set{Blobs: slices.Clone(set.Blobs)}
	for _, child := range set.Sets {
		if s.readers[child] > 1 {
			merged.Sets = append(merged.Sets, s.set(child)...)
			continue
		}
		inner := s.merge(s.r.Sets[child])
		merged.Blobs, merged.Sets = append(merged.Blobs, inner.Blobs...), append(merged.Sets, inner.Sets...)
	}
	slices.Sort(merged.Blobs)
	slices.Sort(merged.Sets)
	merged.Blobs, merged.Sets = slices.Compact(merged.Blobs), slices.Compact(merged.Sets)
	return merged
}

// set returns the set of out that has what a set of r has.
func (s *simplifier) set(i int) []int {
	if to, ok := s.done[i]; ok {
		return to
	}
	to := s.add(s.merge(s.r.Sets[i]))
	s.done[i] = to
	return to
}

// add adds a set to out, unless it is empty, there already, or only another name of one.
func (s *simplifier) add(set Set) []int {
	if len(set.Blobs) == 0 && len(set.Sets) <= 1 {
		return set.Sets
	}
	key := fmt.Sprint(set)
	to, ok := s.known[key]
	if !ok {
		to = len(s.out.Sets)
		s.known[key] = to
		s.out.Sets = append(s.out.Sets, set)
	}
	return []int{to}
}

// mergeBlobs makes one blob of those with the same origin in the same sets.
func (s *simplifier) mergeBlobs() {
	in := make([][]int, len(s.r.Blobs))
	for i, set := range s.out.Sets {
		for _, b := range set.Blobs {
			in[b] = append(in[b], i)
		}
	}
	goal := make([]bool, len(s.r.Blobs))
	for _, b := range s.r.Goal {
		goal[b] = true
	}
	order := make([]int, len(s.r.Blobs))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(s.r.Blobs[a].From, s.r.Blobs[b].From) })
	to := make([]int, len(s.r.Blobs))
	known := map[string]int{}
	for _, b := range order {
		blob := s.r.Blobs[b]
		key := fmt.Sprint(blob.From, in[b], goal[b])
		i, ok := known[key]
		if !ok {
			i = len(s.out.Blobs)
			known[key] = i
			s.out.Blobs = append(s.out.Blobs, Blob{From: blob.From})
		}
		s.out.Blobs[i].Bytes += blob.Bytes
		to[b] = i
	}
	renumber := func(all []int) []int {
		var now []int
		for _, b := range all {
			now = append(now, to[b])
		}
		slices.Sort(now)
		return slices.Compact(now)
	}
	for i := range s.out.Sets {
		s.out.Sets[i].Blobs = renumber(s.out.Sets[i].Blobs)
	}
	s.out.Goal = renumber(s.r.Goal)
}
