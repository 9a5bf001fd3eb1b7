package dashboard

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/mod/semver"
)

// An exporter finds what a dashboard depends on.
type exporter struct {
	datasources map[string]string
	inputs      map[string]input  // by name
	types       map[string]bool   // of data sources
	panels      map[string]bool   // types of panels
	uids        map[string]string // name of an input → the uid that it stands for
	version     string            // the newest Grafana that wrote a panel
}

// inputWord matches what the name of an input may not have.
var inputWord = regexp.MustCompile(`[^A-Z0-9]+`)

// known are types of data sources, for references by name alone.
var known = []string{
	"alertmanager", "cloudwatch", "elasticsearch", "graphite", "influxdb", "jaeger", "loki", "mssql", "mysql", "opentsdb", "postgres", "prometheus",
	"tempo", "testdata", "zipkin",
}

// variables turns constants into inputs, and removes what a machine remembers.
func (x *exporter) variables(d map[string]any) error {
	templating, _ := d["templating"].(map[string]any)
	list, _ := templating["list"].([]any)
	for i, item := range list {
		v, ok := item.(map[string]any)
		if !ok {
			return fmt.Errorf("variable %d: want an object", i+1)
		}
		name, _ := v["name"].(string)
		switch v["type"] {
		case "query":
			v["options"], v["current"] = []any{}, map[string]any{}
			if n := fmt.Sprint(v["refresh"]); n != "1" && n != "2" {
				v["refresh"] = 1
			}
		case "datasource":
			v["current"] = map[string]any{}
		case "constant":
			label, _ := v["label"].(string)
			if label == "" {
				label = name
			}
			in := "VAR_" + strings.ReplaceAll(strings.ToUpper(name), " ", "_")
			x.inputs[in] = input{Name: in, Type: "constant", Label: label, Value: v["query"]}
			option := map[string]any{"value": "${" + in + "}", "text": "${" + in + "}", "selected": false}
			v["query"], v["current"], v["options"] = "${"+in+"}", option, []any{option}
		}
	}
	return nil
}

// walk replaces the data sources in v. Where is the nearest title, for errors.
func (x *exporter) walk(v any, where string, depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("%s: deeper than %d", where, maxDepth)
	}
	switch v := v.(type) {
	case []any:
		for _, item := range v {
			if err := x.walk(item, where, depth+1); err != nil {
				return err
			}
		}
	case map[string]any:
		if title, _ := v["title"].(string); title != "" {
			where = fmt.Sprintf("%.100q", title)
		}
		for _, key := range slices.Sorted(maps.Keys(v)) {
			var err error
			switch key {
			case "datasource":
				v[key], err = x.datasource(v[key], where)
			case "panels":
				x.addPanels(v[key])
				fallthrough
			default:
				err = x.walk(v[key], where, depth+1)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// addPanels notes the types of panels, and the version of Grafana that wrote them.
func (x *exporter) addPanels(v any) {
	list, _ := v.([]any)
	for _, item := range list {
		p, _ := item.(map[string]any)
		if id, _ := p["type"].(string); id != "" && id != "row" {
			x.panels[id] = true
		}
		version, _ := p["pluginVersion"].(string)
		if version = strings.TrimPrefix(version, "v"); semver.IsValid("v"+version) && semver.Compare("v"+version, "v"+x.version) > 0 {
			x.version = version
		}
	}
}

// datasource returns a reference to a data source as an input.
func (x *exporter) datasource(v any, where string) (any, error) {
	switch v := v.(type) {
	case nil:
		return nil, nil // Grafana's default
	case string:
		if internal(v) {
			return v, nil
		}
		kind := x.datasources[v]
		if lower := strings.ToLower(v); kind == "" && slices.Contains(known, lower) {
			kind = lower
		}
		if kind == "" {
			return nil, fmt.Errorf("%s: data source %.100q has no known type: want an entry in datasources, such as %.100q: \"prometheus\"", where, v, v)
		}
		return "${" + x.input(kind, v) + "}", nil
	case map[string]any:
		uid, _ := v["uid"].(string)
		kind, _ := v["type"].(string)
		if kind == "" {
			kind = x.datasources[uid]
		}
		switch {
		case uid == "" || internal(uid) || kind == "grafana" || kind == "datasource" || kind == "__expr__":
			return v, nil
		case kind == "":
			return nil, fmt.Errorf("%s: data source %.100q has no type: want an entry in datasources, such as %.100q: \"prometheus\"", where, uid, uid)
		}
		v["uid"] = "${" + x.input(kind, uid) + "}"
		return v, nil
	}
	return nil, fmt.Errorf("%s: data source is a %T, want a name or an object", where, v)
}

// internal reports whether a data source is a variable, or one of Grafana's own.
func internal(name string) bool {
	return strings.HasPrefix(name, "$") || strings.HasPrefix(name, "-- ") || name == "default" || name == "grafana" || name == "__expr__"
}

// input returns the name of the input for a data source. One type gives one input: whoever
// imports the dashboard has sources of their own. A second source of a type has its name.
func (x *exporter) input(kind, uid string) string {
	x.types[kind] = true
	name := "DS_" + strings.Trim(inputWord.ReplaceAllString(strings.ToUpper(kind), "_"), "_")
	if x.uids == nil {
		x.uids = map[string]string{}
	}
	label := pluginName(kind)
	if first, ok := x.uids[name]; ok && !strings.EqualFold(first, uid) {
		name += "_" + strings.Trim(inputWord.ReplaceAllString(strings.ToUpper(uid), "_"), "_")
		label = uid
	}
	x.uids[name] = uid
	x.inputs[name] = input{Name: name, Label: label, Type: "datasource", PluginID: kind, PluginName: pluginName(kind)}
	return name
}
