package execlog

import (
	"cmp"
	"maps"
	"slices"
	"strings"
)

// Difference is an action that two builds gave the same inputs, and that gave other outputs.
type Difference struct {
	Label    string `json:"label"`    // the target
	Mnemonic string `json:"mnemonic"` // the kind of action
	Output   string `json:"output"`   // the first file that differs
	// First and Second say how the action ran in each build, such as linux-sandbox, remote or
	// remote cache hit.
	First  string `json:"first"`
	Second string `json:"second"`
}

// Compare returns the actions at which two builds begin to differ, sorted, and the number of
// actions in the second build. Those are the actions with an output that differs, and no input
// that another action made differently. first and second are files with logs.
func Compare(first, second string) (found []Difference, actions int, err error) {
	type output struct{ hash, runner string }
	before := map[string]output{}
	err = each(first, func(s *spawn) {
		for _, f := range s.outputs {
			before[f.path] = output{f.hash, s.runner}
		}
	})
	if err != nil {
		return nil, 0, err
	}
	changed := map[string]bool{} // the paths of outputs
	err = each(second, func(s *spawn) {
		actions++
		for _, f := range s.outputs {
			// If only one of the builds has the action, there is nothing to compare.
			if old, ok := before[f.path]; ok && old.hash != f.hash {
				changed[f.path] = true
			}
		}
	})
	if err != nil || len(changed) == 0 {
		return nil, actions, err
	}
	err = each(second, func(s *spawn) {
		differs := func(f file) bool { return changed[f.path] }
		i := slices.IndexFunc(s.outputs, differs)
		if i < 0 || slices.ContainsFunc(s.inputs, differs) {
			return
		}
		path := s.outputs[i].path
		found = append(found, Difference{s.label, s.mnemonic, path, before[path].runner, s.runner})
	})
	slices.SortFunc(found, func(a, b Difference) int { return cmp.Compare(a.Output, b.Output) })
	return found, actions, err
}

// Needs is what the actions of a kind need of the machine that they run on, besides inputs.
type Needs struct {
	Mnemonic string
	Env      []string // the names of variables, sorted
	Absolute []string // paths of inputs, arguments and NAME=value that are absolute, sorted
}

// ReadNeeds returns that for each mnemonic in the log in a file, sorted. absolute says
// which of them are absolute.
func ReadNeeds(name string, absolute func(string) bool) ([]Needs, error) {
	type sets struct{ env, paths map[string]bool }
	all := map[string]sets{}
	err := each(name, func(s *spawn) {
		m, ok := all[s.mnemonic]
		if !ok {
			m = sets{map[string]bool{}, map[string]bool{}}
			all[s.mnemonic] = m
		}
		for _, variable := range s.env {
			name, _, _ := strings.Cut(variable, "=")
			m.env[name] = true
		}
		for _, arg := range slices.Concat(s.args, s.env) {
			if absolute(arg) {
				m.paths[arg] = true
			}
		}
		for _, f := range s.inputs {
			if absolute(f.path) {
				m.paths[f.path] = true
			}
		}
	})
	var needs []Needs
	for _, name := range slices.Sorted(maps.Keys(all)) {
		needs = append(needs, Needs{name, slices.Sorted(maps.Keys(all[name].env)), slices.Sorted(maps.Keys(all[name].paths))})
	}
	return needs, err
}
