package chartrepo

import (
	"errors"
	"fmt"

	"gopkg.in/yaml.v3"
)

// A shape is what Helm accepts as a value. Helm reads an index strictly: one unknown field,
// or a number instead of a string, and no chart of the repository can be used. So an entry
// has only what Helm itself would write.
type shape struct {
	scalar string // the tag that a scalar gets, if it is !!str, or has
	list   *shape
	fields map[string]*shape
	values *shape // of any key
	any    bool
}

var (
	textShape = &shape{scalar: "!!str"}
	flagShape = &shape{scalar: "!!bool"}
	textsList = &shape{list: textShape}
)

// chartShape is the shape of Chart.yaml
// (https://helm.sh/docs/topics/charts/#the-chartyaml-file).
var chartShape = &shape{fields: map[string]*shape{
	"apiVersion": textShape, "name": textShape, "version": textShape, "kubeVersion": textShape, "description": textShape,
	"type": textShape, "keywords": textsList, "home": textShape, "sources": textsList, "icon": textShape, "appVersion": textShape,
	"deprecated": flagShape, "annotations": {values: textShape}, "condition": textShape, "tags": textShape,
	"maintainers": {list: &shape{fields: map[string]*shape{"name": textShape, "email": textShape, "url": textShape}}},
	"dependencies": {list: &shape{fields: map[string]*shape{
		"name": textShape, "version": textShape, "repository": textShape, "condition": textShape, "tags": textsList,
		"enabled": flagShape, "import-values": {list: &shape{any: true}}, "alias": textShape,
	}}},
}}

// fit removes from a node what Helm does not know. The error says what else does not fit.
func (s *shape) fit(n *yaml.Node) error {
	if s.any || n.Kind == yaml.ScalarNode && n.Tag == "!!null" {
		return nil
	}
	switch {
	case s.scalar == "!!str" && n.Kind == yaml.ScalarNode:
		*n = *scalar(n.Value) // 1.10 is a version, not a number
		return nil
	case s.scalar != "" && n.Kind == yaml.ScalarNode && n.Tag == s.scalar:
		return nil
	case s.list != nil && n.Kind == yaml.SequenceNode:
		for _, c := range n.Content {
			if err := s.list.fit(c); err != nil {
				return err
			}
		}
		return nil
	case (s.fields != nil || s.values != nil) && n.Kind == yaml.MappingNode:
		return s.fitFields(n)
	}
	return errors.New("got a value of the wrong type")
}

func (s *shape) fitFields(n *yaml.Node) error {
	var kept []*yaml.Node
	for k, v := range fields(n) {
		want := s.values
		if want == nil {
			want = s.fields[k.Value]
		}
		if want == nil {
			continue
		}
		if err := want.fit(v); err != nil {
			return fmt.Errorf("%.100q: %w", k.Value, err)
		}
		kept = append(kept, scalar(k.Value), v)
	}
	n.Content = kept
	return nil
}
