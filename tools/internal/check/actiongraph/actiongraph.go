// Package actiongraph reads the graph of actions that Bazel prints:
//
//	bazel aquery 'deps(TARGET)' --output=jsonproto
//
// The format is ActionGraphContainer of Bazel's src/main/protobuf/analysis_v2.proto, as JSON.
package actiongraph

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
)

// A Graph has the actions that an analysis made, whether a build runs them or not. Sets and
// files refer to each other by their index.
type Graph struct {
	Actions []Action
	Files   []File
	Sets    []Set
}

// A File is an input or an output of actions.
type File struct {
	Path string // below the execution root, with slashes
	Tree bool   // a directory that an action makes as a whole
}

// A Set has files, its own and those of other sets. No set contains itself.
type Set struct {
	Files []int // index of Graph.Files
	Sets  []int // index of Graph.Sets
}

// An Action makes files from files.
type Action struct {
	Mnemonic      string
	Label         string     // of the target
	Platform      string     // the label of the execution platform
	Arguments     []string   // the command line; empty for what Bazel does by itself
	ParamFiles    []string   // the lines of the files that have more arguments; needs --include_param_files
	Environment   []Variable // sorted by name
	Requirements  []Variable // such as no-remote; sorted by name
	Inputs        []int      // index of Graph.Sets
	Outputs       []int      // index of Graph.Files
	PrimaryOutput int        // index of Graph.Files
	Content       string     // what Bazel writes by itself; needs --include_file_write_contents
}

// A Variable is a name with a value, which may be empty.
type Variable struct {
	Name  string `json:"key"`
	Value string `json:"value"`
}

// Spawn reports whether an action starts a program. Bazel does the others by itself, where the
// client is.
func (a *Action) Spawn() bool { return len(a.Arguments) > 0 }

// container is the JSON document. Its identifiers are numbers from 1.
type container struct {
	Artifacts []struct {
		ID             int
		PathFragmentID int
		IsTreeArtifact bool
	}
	Actions []action
	Targets []struct {
		ID    int
		Label string
	}
	DepSetOfFiles []struct {
		ID                  int
		TransitiveDepSetIDs []int
		DirectArtifactIDs   []int
	}
	PathFragments []struct {
		ID, ParentID int
		Label        string
	}
}

type action struct {
	TargetID             int
	Mnemonic             string
	Arguments            []string
	EnvironmentVariables []Variable
	InputDepSetIDs       []int
	OutputIDs            []int
	PrimaryOutputID      int
	ExecutionInfo        []Variable
	ParamFiles           []struct{ Arguments []string }
	FileContents         string
	ExecutionPlatform    string
}

// Read reads a graph. What refers to something that is not there is an error.
func Read(r io.Reader) (*Graph, error) {
	var c container
	if err := json.NewDecoder(r).Decode(&c); err != nil {
		return nil, fmt.Errorf("reading a graph of actions: %w", err)
	}
	if len(c.Actions) == 0 {
		return nil, fmt.Errorf("reading a graph of actions: there is no action, want the output of bazel aquery --output=jsonproto")
	}
	d := &decoder{files: index{what: "artifact"}, sets: index{what: "set of artifacts"}, labels: map[int]string{}}
	g, err := d.decode(&c)
	if err != nil {
		return nil, fmt.Errorf("reading a graph of actions: %w", err)
	}
	return g, nil
}

type decoder struct {
	files, sets index
	labels      map[int]string // by target
}

// An index maps identifiers to positions.
type index struct {
	what string
	at   map[int]int
}

func (x *index) add(id int) {
	if x.at == nil {
		x.at = map[int]int{}
	}
	x.at[id] = len(x.at)
}

func (x *index) all(ids []int) ([]int, error) {
	var all []int
	for _, id := range ids {
		i, ok := x.at[id]
		if !ok {
			return nil, fmt.Errorf("there is no %s %d", x.what, id)
		}
		all = append(all, i)
	}
	return all, nil
}

func (d *decoder) decode(c *container) (*Graph, error) {
	g := &Graph{}
	paths, err := paths(c)
	if err != nil {
		return nil, err
	}
	for _, a := range c.Artifacts {
		p, ok := paths[a.PathFragmentID]
		if !ok {
			return nil, fmt.Errorf("there is no path %d", a.PathFragmentID)
		}
		d.files.add(a.ID)
		g.Files = append(g.Files, File{Path: p, Tree: a.IsTreeArtifact})
	}
	for _, s := range c.DepSetOfFiles {
		d.sets.add(s.ID)
	}
	for _, s := range c.DepSetOfFiles {
		files, err := d.files.all(s.DirectArtifactIDs)
		if err != nil {
			return nil, err
		}
		sets, err := d.sets.all(s.TransitiveDepSetIDs)
		if err != nil {
			return nil, err
		}
		g.Sets = append(g.Sets, Set{files, sets})
	}
	for _, t := range c.Targets {
		d.labels[t.ID] = t.Label
	}
	for i := range c.Actions {
		a, err := d.action(&c.Actions[i])
		if err != nil {
			return nil, fmt.Errorf("action %d, %s: %w", i, c.Actions[i].Mnemonic, err)
		}
		g.Actions = append(g.Actions, a)
	}
	return g, acyclic(g)
}

func (d *decoder) action(a *action) (Action, error) {
	inputs, err := d.sets.all(a.InputDepSetIDs)
	if err != nil {
		return Action{}, err
	}
	outputs, err := d.files.all(a.OutputIDs)
	if err != nil {
		return Action{}, err
	}
	primary, err := d.files.all([]int{a.PrimaryOutputID})
	if err != nil {
		return Action{}, err
	}
	var params []string
	for _, p := range a.ParamFiles {
		params = append(params, p.Arguments...)
	}
	byName := func(v []Variable) []Variable {
		slices.SortStableFunc(v, func(a, b Variable) int { return strings.Compare(a.Name, b.Name) })
		return v
	}
	return Action{
		Mnemonic: a.Mnemonic, Label: d.labels[a.TargetID], Platform: a.ExecutionPlatform,
		Arguments: a.Arguments, ParamFiles: params, Content: a.FileContents,
		Environment: byName(a.EnvironmentVariables), Requirements: byName(a.ExecutionInfo),
		Inputs: inputs, Outputs: outputs, PrimaryOutput: primary[0],
	}, nil
}
