package main

import (
	"errors"
	"slices"
)

// A plan is a recording made ready to be simulated, often.
type plan struct {
	names   []string  // of actions
	seconds []float64 // of actions
	inputs  [][]int32 // of actions: blobs, sorted
	outputs [][]int32 // of actions: blobs
	waits   []int     // of actions: how many others it waits for
	wakes   [][]int32 // of actions: those that wait for it
	bytes   []int64   // of blobs
	local   []bool    // of blobs: whether it is from the client
	goal    []int32   // blobs
	order   []int     // actions, each after those that it waits for
}

// newPlan flattens the sets of a recording. wall chooses the times of the recorded build, not
// the best ones.
func newPlan(r *Recording, wall bool) (*plan, error) {
	n := len(r.Actions)
	p := &plan{inputs: make([][]int32, n), outputs: make([][]int32, n), waits: make([]int, n), wakes: make([][]int32, n)}
	for i, b := range r.Blobs {
		p.bytes, p.local = append(p.bytes, b.Bytes), append(p.local, b.From == client)
		if b.From != client {
			p.outputs[b.From] = append(p.outputs[b.From], int32(i))
		}
	}
	for _, g := range r.Goal {
		p.goal = append(p.goal, int32(g))
	}
	flat := &flattener{r: r, seen: make([]int, len(r.Sets))}
	for i, a := range r.Actions {
		took := a.Best
		if wall {
			took = a.Wall
		}
		p.names = append(p.names, a.Mnemonic+" "+a.Label)
		p.seconds = append(p.seconds, float64(took)/1000)
		p.inputs[i] = flat.blobs(i+1, a.Inputs)
		makers := map[int]bool{}
		for _, b := range p.inputs[i] {
			if from := r.Blobs[b].From; from != client && !makers[from] {
				makers[from] = true
				p.waits[i]++
				p.wakes[from] = append(p.wakes[from], int32(i))
			}
		}
	}
	return p, p.sort()
}

// A flattener collects the blobs of sets.
type flattener struct {
	r    *Recording
	seen []int // of sets: the round in which it was seen last
}

func (f *flattener) blobs(round int, sets []int) []int32 {
	var all []int32
	var visit func(s int)
	visit = func(s int) {
		if f.seen[s] == round {
			return
		}
		f.seen[s] = round
		for _, b := range f.r.Sets[s].Blobs {
			all = append(all, int32(b))
		}
		for _, child := range f.r.Sets[s].Sets {
			visit(child)
		}
	}
	for _, s := range sets {
		visit(s)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// sort finds an order in which the actions can run.
func (p *plan) sort() error {
	waits := slices.Clone(p.waits)
	for i, n := range waits {
		if n == 0 {
			p.order = append(p.order, i)
		}
	}
	for next := 0; next < len(p.order); next++ {
		for _, w := range p.wakes[p.order[next]] {
			if waits[w]--; waits[w] == 0 {
				p.order = append(p.order, int(w))
			}
		}
	}
	if len(p.order) != len(p.names) {
		return errors.New("actions wait for each other")
	}
	return nil
}

// criticalPath returns the chain of actions that takes longest, the first one first, and its
// seconds. Each action takes overhead seconds more.
func (p *plan) criticalPath(overhead float64) (chain []int, length float64) {
	ends := make([]float64, len(p.names))
	before := make([]int, len(p.names))
	for i := range before {
		before[i] = -1
	}
	last := -1
	for _, i := range p.order {
		ends[i] += p.seconds[i] + overhead
		if last < 0 || ends[i] > ends[last] {
			last = i
		}
		for _, w := range p.wakes[i] {
			if ends[i] > ends[w] {
				ends[w], before[w] = ends[i], i
			}
		}
	}
	for i := last; i >= 0; i = before[i] {
		chain = append(chain, i)
	}
	slices.Reverse(chain)
	if last >= 0 {
		length = ends[last]
	}
	return chain, length
}

// work returns the seconds of all actions together.
func (p *plan) work(overhead float64) float64 {
	total := 0.0
	for _, s := range p.seconds {
		total += s + overhead
	}
	return total
}
