package actiongraph

import (
	"errors"
	"fmt"
	"slices"
)

// paths returns the paths of all fragments, by identifier. A fragment is below its parent.
func paths(c *container) (map[int]string, error) {
	parents := map[int]int{}
	labels := map[int]string{}
	for _, f := range c.PathFragments {
		parents[f.ID], labels[f.ID] = f.ParentID, f.Label
	}
	done := map[int]string{}
	var find func(id, depth int) (string, error)
	find = func(id, depth int) (string, error) {
		if p, ok := done[id]; ok {
			return p, nil
		}
		label, ok := labels[id]
		if !ok || depth > len(labels) {
			return "", fmt.Errorf("the path %d has no beginning", id)
		}
		if parents[id] != 0 {
			above, err := find(parents[id], depth+1)
			if err != nil {
				return "", err
			}
			label = above + "/" + label
		}
		done[id] = label
		return label, nil
	}
	for id := range labels {
		if _, err := find(id, 0); err != nil {
			return nil, err
		}
	}
	return done, nil
}

// acyclic returns an error if a set contains itself.
func acyclic(g *Graph) error {
	const visiting, visited = 1, 2
	state := make([]byte, len(g.Sets))
	var visit func(s int) error
	visit = func(s int) error {
		switch state[s] {
		case visiting:
			return errors.New("a set of artifacts contains itself")
		case visited:
			return nil
		}
		state[s] = visiting
		for _, child := range g.Sets[s].Sets {
			if err := visit(child); err != nil {
				return err
			}
		}
		state[s] = visited
		return nil
	}
	for s := range g.Sets {
		if err := visit(s); err != nil {
			return err
		}
	}
	return nil
}

// InputFiles returns all files of an action's sets: the index of each in Files, sorted.
func (g *Graph) InputFiles(a *Action) []int {
	var all []int
	seen := make(map[int]bool)
	var visit func(s int)
	visit = func(s int) {
		if seen[s] {
			return
		}
		seen[s] = true
		all = append(all, g.Sets[s].Files...)
		for _, child := range g.Sets[s].Sets {
			visit(child)
		}
	}
	for _, s := range a.Inputs {
		visit(s)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// Producers returns for each file the index of the action that makes it, or -1 for a file that
// is there before the build.
func (g *Graph) Producers() []int {
	all := make([]int, len(g.Files))
	for i := range all {
		all[i] = -1
	}
	for i := range g.Actions {
		for _, f := range g.Actions[i].Outputs {
			all[f] = i
		}
	}
	return all
}
