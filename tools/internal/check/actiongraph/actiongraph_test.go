package actiongraph

import (
	"slices"
	"strings"
	"testing"
)

// linked has an action that reads two files by two sets, and one that makes a file of them.
const linked = `{
"artifacts": [{"id": 1, "pathFragmentId": 3}, {"id": 2, "pathFragmentId": 2}, {"id": 3, "pathFragmentId": 4, "isTreeArtifact": true}],
"actions": [
  {"targetId": 1, "mnemonic": "Make", "arguments": ["a/b"], "environmentVariables": [{"key": "B", "value": "2"}, {"key": "A"}], "inputDepSetIds": [2], "outputIds": [3], "primaryOutputId": 3,
   "executionInfo": [{"key": "no-cache", "value": ""}], "paramFiles": [{"name": "p", "arguments": ["-x", "-y"]}], "executionPlatform": "//:p"},
  {"targetId": 1, "mnemonic": "FileWrite", "outputIds": [2], "primaryOutputId": 2, "fileContents": "text"}],
"targets": [{"id": 1, "label": "//:t"}],
"depSetOfFiles": [{"id": 1, "directArtifactIds": [1]}, {"id": 2, "transitiveDepSetIds": [1], "directArtifactIds": [2, 1]}],
"pathFragments": [{"id": 1, "label": "a"}, {"id": 2, "label": "written", "parentId": 1}, {"id": 3, "label": "b", "parentId": 1}, {"id": 4, "label": "tree"}]}`

func TestRead(t *testing.T) {
	g, err := Read(strings.NewReader(linked))
	if err != nil {
		t.Fatal(err)
	}
	a := g.Actions[0]
	if a.Mnemonic != "Make" || a.Label != "//:t" || a.Platform != "//:p" || !a.Spawn() || g.Actions[1].Spawn() || g.Actions[1].Content != "text" {
		t.Errorf("got %+v", g.Actions)
	}
	if want := []Variable{{"A", ""}, {"B", "2"}}; !slices.Equal(a.Environment, want) {
		t.Errorf("got environment %v, want %v", a.Environment, want)
	}
	if !slices.Equal(a.ParamFiles, []string{"-x", "-y"}) || a.Requirements[0].Name != "no-cache" {
		t.Errorf("got %+v", a)
	}
	var inputs []string
	for _, f := range g.InputFiles(&a) {
		inputs = append(inputs, g.Files[f].Path)
	}
	if want := []string{"a/b", "a/written"}; !slices.Equal(inputs, want) {
		t.Errorf("got inputs %q, want %q", inputs, want)
	}
	if out := g.Files[a.PrimaryOutput]; out.Path != "tree" || !out.Tree {
		t.Errorf("got output %+v", out)
	}
	if got, want := g.Producers(), []int{-1, 1, 0}; !slices.Equal(got, want) {
		t.Errorf("got producers %v, want %v", got, want)
	}
}

// TestBroken: what refers to something that is not there, or to itself, is an error.
func TestBroken(t *testing.T) {
	for name, tt := range map[string]struct{ old, new, want string }{
		"no JSON":      {linked, "INFO: Analyzed", "reading a graph of actions"},
		"no action":    {linked, "{}", "there is no action"},
		"no file":      {`"outputIds": [3]`, `"outputIds": [9]`, "action 0, Make: there is no artifact 9"},
		"no output":    {`, "primaryOutputId": 3`, ``, "there is no artifact 0"},
		"no set":       {`"inputDepSetIds": [2]`, `"inputDepSetIds": [7]`, "there is no set of artifacts 7"},
		"no path":      {`"pathFragmentId": 2`, `"pathFragmentId": 8`, "there is no path 8"},
		"no parent":    {`"label": "b", "parentId": 1`, `"label": "b", "parentId": 5`, "has no beginning"},
		"own parent":   {`"label": "a"`, `"label": "a", "parentId": 1`, "has no beginning"},
		"set in a set": {`{"id": 1, "directArtifactIds": [1]}`, `{"id": 1, "transitiveDepSetIds": [2]}`, "contains itself"},
	} {
		t.Run(name, func(t *testing.T) {
			text := strings.Replace(linked, tt.old, tt.new, 1)
			if text == linked {
				t.Fatalf("no %q", tt.old)
			}
			if _, err := Read(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}
