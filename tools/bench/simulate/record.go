package main

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/jasonwzm/release-builder/tools/internal/check/actiongraph"
)

// RecordArgs says what a recording is made of.
type RecordArgs struct {
	Name  string
	Graph *actiongraph.Graph
	Build timings // of the recorded build; the newest counts
	Best  timings // of this and other builds; the shortest counts
	Goal  string  // the label of the target that is built
	// Size returns the size of a file that is there before the build.
	Size func(path string) int64
}

// A recorder makes a recording.
type recorder struct {
	RecordArgs
	producers []int
	actions   map[int]int        // of the graph: index in the recording
	sets      map[int]int        // the same
	blobs     map[string]int     // by what they have in common
	fileSets  map[int][]int      // of files: the graph's sets that have it
	sizes     []map[string]int64 // of the recording's actions: bytes by path
	out       *Recording
}

// record reduces a build to what a simulation needs: the programs that the goal needs, and
// their files in groups of those that are always read together.
func record(args RecordArgs) (*Recording, error) {
	r := &recorder{RecordArgs: args, producers: args.Graph.Producers(), actions: map[int]int{}, sets: map[int]int{}, blobs: map[string]int{}, fileSets: map[int][]int{}, out: &Recording{Name: args.Name}}
	if err := r.need(); err != nil {
		return nil, err
	}
	r.time()
	r.group()
	return simplify(r.out), nil
}

// byBazel reports whether Bazel makes a file on the client from other files. What reads it
// reads these: it is a link, or has little more than their names.
func (r *recorder) byBazel(f int) (*actiongraph.Action, bool) {
	if r.producers[f] < 0 {
		return nil, false
	}
	a := &r.Graph.Actions[r.producers[f]]
	return a, !a.Spawn() && len(a.Inputs) > 0
}

// need finds the actions and sets behind the goal, in the order of the graph.
func (r *recorder) need() error {
	var needed []int
	visitedActions, visitedSets := map[int]bool{}, map[int]bool{}
	var visit func(action int)
	var visitSet func(s int)
	visit = func(action int) {
		if visitedActions[action] {
			return
		}
		visitedActions[action] = true
		for _, s := range r.Graph.Actions[action].Inputs {
			visitSet(s)
		}
		if r.Graph.Actions[action].Spawn() {
			needed = append(needed, action)
		}
	}
	visitSet = func(s int) {
		if visitedSets[s] {
			return
		}
		visitedSets[s] = true
		for _, f := range r.Graph.Sets[s].Files {
			r.fileSets[f] = append(r.fileSets[f], s)
			if r.producers[f] >= 0 {
				visit(r.producers[f])
			}
		}
		for _, child := range r.Graph.Sets[s].Sets {
			visitSet(child)
		}
	}
	for i, a := range r.Graph.Actions {
		if a.Label == r.Goal {
			visit(i)
		}
	}
	if len(needed) == 0 {
		return fmt.Errorf("no action is needed for %q: want the label of a target that is built", r.Goal)
	}
	slices.SortStableFunc(needed, r.compare)
	for i, a := range needed {
		r.actions[a] = i
		r.out.Actions = append(r.out.Actions, Action{Mnemonic: r.Graph.Actions[a].Mnemonic, Label: r.Graph.Actions[a].Label})
	}
	for i := range r.Graph.Sets {
		if visitedSets[i] {
			r.sets[i] = len(r.sets)
		}
	}
	return nil
}

// compare orders actions by configuration, label and output: those of one platform are together,
// and in the same order as those of another.
func (r *recorder) compare(a, b int) int {
	key := func(i int) (configuration, label, rest string) {
		action := &r.Graph.Actions[i]
		configuration, rest = configured(r.Graph.Files[action.PrimaryOutput].Path)
		return configuration, action.Label, rest
	}
	ac, al, ar := key(a)
	bc, bl, br := key(b)
	return cmp.Or(strings.Compare(ac, bc), strings.Compare(al, bl), strings.Compare(ar, br))
}

// configured returns the configuration in a path below bazel-out, and what comes after it, which
// is the same for all platforms.
func configured(path string) (configuration, rest string) {
	out, rest, ok := strings.Cut(path, "/")
	if !ok || out != "bazel-out" {
		return "", path
	}
	configuration, rest, _ = strings.Cut(rest, "/")
	return configuration, rest
}

// time finds the times and sizes of the actions. An action without a time has that of the same
// one for another platform or, if there is none, the median of those with its mnemonic.
func (r *recorder) time() {
	walls, bests := map[string][]int{}, map[string][]int{}
	alike := r.alike()
	var untimed []int
	var first, last time.Time
	whole := true
	r.sizes = make([]map[string]int64, len(r.out.Actions))
	for from, to := range r.actions {
		a := &r.out.Actions[to]
		path := r.Graph.Files[r.Graph.Actions[from].PrimaryOutput].Path
		wall, built := pick(r.Build[path], func(a, b timing) bool { return a.start.After(b.start) })
		best, ok := pick(same(r.Best[path], wall), shorter)
		if !ok {
			_, rest := configured(path)
			if best, ok = pick(same(alike[rest], wall), shorter); !ok {
				untimed = append(untimed, to)
				continue
			}
			r.out.Alike++
		}
		if whole = whole && built; built {
			if first.IsZero() || wall.start.Before(first) {
				first = wall.start
			}
			if wall.end.After(last) {
				last = wall.end
			}
		} else {
			wall = best
		}
		r.sizes[to] = map[string]int64{}
		for path, size := range wall.sizes {
			_, rest := configured(path)
			r.sizes[to][rest] = size
		}
		a.Wall, a.Best = int(wall.wall().Milliseconds()), int(best.wall().Milliseconds())
		walls[a.Mnemonic], bests[a.Mnemonic] = append(walls[a.Mnemonic], a.Wall), append(bests[a.Mnemonic], a.Best)
	}
	for _, i := range untimed {
		a := &r.out.Actions[i]
		a.Wall, a.Best = median(walls[a.Mnemonic]), median(bests[a.Mnemonic])
	}
	r.out.Untimed = len(untimed)
	if whole && len(untimed) == 0 {
		r.out.Span = last.Sub(first).Round(time.Millisecond).Seconds()
	}
}

// alike returns the best timings by the part of the path that all platforms have.
func (r *recorder) alike() timings {
	all := timings{}
	for path, t := range r.Best {
		_, rest := configured(path)
		all[rest] = append(all[rest], t...)
	}
	return all
}

// same returns the timings that made about as much as one does or, if there is none, as the one
// that made most. Others are of another release, with an output at the same path.
func same(all []timing, as timing) []timing {
	want := as.bytes()
	for _, t := range all {
		if as.start.IsZero() {
			want = max(want, t.bytes())
		}
	}
	return slices.DeleteFunc(slices.Clone(all), func(t timing) bool { return t.bytes() < want/2 || t.bytes()/2 > want })
}

func shorter(a, b timing) bool { return a.wall() < b.wall() }

// pick returns the timing that comes before all others.
func pick(all []timing, before func(a, b timing) bool) (timing, bool) {
	var best timing
	for i, t := range all {
		if i == 0 || before(t, best) {
			best = t
		}
	}
	return best, len(all) > 0
}

func median(all []int) int {
	if len(all) == 0 {
		return 0
	}
	slices.Sort(all)
	return all[len(all)/2]
}

// group makes blobs of the files, and fills the sets and inputs.
func (r *recorder) group() {
	r.out.Sets = make([]Set, len(r.sets))
	for f := range r.Graph.Files {
		if a, ok := r.byBazel(f); ok {
			for _, s := range r.fileSets[f] {
				set := &r.out.Sets[r.sets[s]]
				for _, of := range a.Inputs {
					set.Sets = append(set.Sets, r.sets[of])
				}
			}
			continue
		}
		maker, made := r.maker(f)
		if len(r.fileSets[f]) == 0 && !made {
			continue
		}
		r.addTo(r.blob(maker, r.fileSets[f]), f, maker)
	}
	for from, to := range r.sets {
		set := &r.out.Sets[to]
		for _, child := range r.Graph.Sets[from].Sets {
			set.Sets = append(set.Sets, r.sets[child])
		}
		slices.Sort(set.Sets)
		set.Sets = slices.Compact(set.Sets)
	}
	for from, to := range r.actions {
		for _, s := range r.Graph.Actions[from].Inputs {
			r.out.Actions[to].Inputs = append(r.out.Actions[to].Inputs, r.sets[s])
		}
	}
	r.goal()
}

// maker returns the recording's action that makes a file, or client.
func (r *recorder) maker(f int) (action int, made bool) {
	if p := r.producers[f]; p >= 0 {
		if i, ok := r.actions[p]; ok {
			return i, true
		}
	}
	return client, false
}

// blob returns the blob of the files that an action makes and that are in the same sets.
func (r *recorder) blob(maker int, sets []int) int {
	slices.Sort(sets)
	key := fmt.Sprint(maker, sets)
	i, ok := r.blobs[key]
	if !ok {
		i = len(r.out.Blobs)
		r.blobs[key] = i
		r.out.Blobs = append(r.out.Blobs, Blob{From: maker})
		for _, s := range sets {
			set := &r.out.Sets[r.sets[s]]
			set.Blobs = append(set.Blobs, i)
		}
	}
	return i
}

// addTo adds a file to a blob.
func (r *recorder) addTo(blob, f, maker int) {
	b := &r.out.Blobs[blob]
	path := r.Graph.Files[f].Path
	switch {
	case maker != client:
		_, rest := configured(path)
		b.Bytes += r.sizes[maker][rest]
	case r.producers[f] >= 0:
		b.Bytes += int64(len(r.Graph.Actions[r.producers[f]].Content))
	default:
		b.Bytes += r.Size(path)
	}
}

// goal finds the blobs of the goal, which its actions make. A tree whose size is not on record
// has that of what is made for it.
func (r *recorder) goal() {
	for b, blob := range r.out.Blobs {
		if blob.From == client || r.out.Actions[blob.From].Label != r.Goal {
			continue
		}
		if r.out.Goal = append(r.out.Goal, b); blob.Bytes > 0 {
			continue
		}
		flat := &flattener{r: r.out, seen: make([]int, len(r.out.Sets))}
		for _, in := range flat.blobs(1, r.out.Actions[blob.From].Inputs) {
			if of := r.out.Blobs[in]; of.From != client {
				r.out.Blobs[b].Bytes += of.Bytes
			}
		}
	}
}

// sizeBelow returns the sizes of files below the output base and the workspace of Bazel.
func sizeBelow(base, workspace string) func(path string) int64 {
	return func(path string) int64 {
		name := filepath.Join(workspace, filepath.FromSlash(path))
		if strings.HasPrefix(path, "external/") {
			name = filepath.Join(base, filepath.FromSlash(path))
		}
		info, err := os.Stat(name)
		if err != nil {
			return 0
		}
		return info.Size()
	}
}
