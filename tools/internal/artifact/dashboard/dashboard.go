// Package dashboard makes Grafana dashboards that others can import: the form of Grafana's
// "export for sharing externally", which grafana.com publishes
// (https://grafana.com/docs/grafana/latest/dashboards/share-dashboards-panels/).
package dashboard

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/jasonwzm/release-builder/tools/internal/base/hint"
	"github.com/jasonwzm/release-builder/tools/internal/base/jsonfile"
)

// MaxSize limits a dashboard, in bytes.
const MaxSize = 8 << 20

// maxValues limits the values of a dashboard, and the brackets and commas in its text.
const maxValues = 500_000

// maxDepth limits how deep the objects of a dashboard may be.
const maxDepth = 100

// Args are the arguments of Externalize.
type Args struct {
	// Version is the release's; the description ends with it.
	Version string
	// Datasources are the types of data sources that a dashboard refers to by name alone, such
	// as Prometheus: prometheus. Names that are a type in other letters need no entry.
	Datasources map[string]string
}

// Externalize returns a dashboard in the form for sharing, as canonical JSON with sorted keys.
//
//   - Each data source becomes ${DS_TYPE}, an entry of __inputs that Grafana asks for. Those
//     that are a variable of the dashboard, and Grafana's own, stay.
//   - A constant becomes ${VAR_NAME} and an entry of __inputs. What a machine remembers of the
//     other variables is removed.
//   - __requires lists Grafana, the types of data sources and the types of panels.
//   - id is null, for whoever imports it.
//   - The description ends with "TITLE version VERSION": users look for a version by it.
//
// A dashboard that has __inputs or __requires already is an error.
func Externalize(data []byte, a Args) ([]byte, error) {
	d, err := parse(data)
	if err != nil {
		return nil, err
	}
	title, _ := d["title"].(string)
	if strings.TrimSpace(title) == "" {
		return nil, hint.With(errors.New("dashboard has no title"), "add \"title\" at the top of the JSON: Grafana lists a dashboard by it")
	}
	for _, key := range []string{"__inputs", "__requires"} {
		if _, ok := d[key]; ok {
			return nil, fmt.Errorf("dashboard has %s: want one that was not exported for sharing", key)
		}
	}
	description := title + " version " + a.Version
	if own, _ := d["description"].(string); strings.TrimSpace(own) != "" {
		description = strings.TrimSpace(own) + "\n\n" + description
	}
	x := &exporter{datasources: a.Datasources, inputs: map[string]input{}, types: map[string]bool{}, panels: map[string]bool{}}
	if err := x.variables(d); err != nil {
		return nil, err
	}
	if err := x.walk(d, "dashboard", 0); err != nil {
		return nil, err
	}
	d["id"], d["description"], d["__elements"] = nil, description, map[string]any{}
	inputs := []input{}
	for _, name := range slices.Sorted(maps.Keys(x.inputs)) {
		inputs = append(inputs, x.inputs[name])
	}
	d["__inputs"], d["__requires"] = inputs, x.requires()
	delete(d, imported)
	return jsonfile.Marshal(d)
}

// imported is the key with the id at grafana.com that an imported dashboard has.
const imported = "gnetId"

// Canonical returns a dashboard as Externalize writes it: services may write JSON in another
// way, and add the dashboard's id.
func Canonical(data []byte) ([]byte, error) {
	d, err := parse(data)
	if err != nil {
		return nil, err
	}
	delete(d, imported)
	return jsonfile.Marshal(d)
}

// parse keeps whole numbers as they are written, and writes others in one form.
func parse(data []byte) (map[string]any, error) {
	if len(data) > MaxSize {
		return nil, fmt.Errorf("dashboard has %d bytes, want at most %d", len(data), MaxSize)
	}
	if !utf8.Valid(data) {
		return nil, errors.New("parsing dashboard: it is not UTF-8")
	}
	if n := bytes.Count(data, []byte("{")) + bytes.Count(data, []byte("[")) + bytes.Count(data, []byte(",")); n > maxValues {
		return nil, fmt.Errorf("dashboard has about %d values, want at most %d", n, maxValues)
	}
	var value any
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	err := decoder.Decode(&value)
	if _, more := decoder.Token(); err == nil && more != io.EOF {
		err = errors.New("got something after the object")
	}
	if err != nil {
		line := 1 + bytes.Count(data[:min(decoder.InputOffset(), int64(len(data)))], []byte("\n"))
		return nil, fmt.Errorf("parsing dashboard: line %d: %w", line, err)
	}
	d, ok := value.(map[string]any)
	if !ok {
		return nil, errors.New("parsing dashboard: want an object, as Grafana exports it")
	}
	numbers(d)
	return d, nil
}

// numbers returns v with 39 for 39.0 and 0.5 for 5e-1.
func numbers(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for key, value := range v {
			v[key] = numbers(value)
		}
	case []any:
		for i, value := range v {
			v[i] = numbers(value)
		}
	case json.Number:
		if f, err := v.Float64(); err == nil && strings.ContainsAny(string(v), ".eE") {
			return f
		}
	}
	return v
}

// An input is a value that Grafana asks for when it imports the dashboard.
type input struct {
	Description string `json:"description"`
	Label       string `json:"label"`
	Name        string `json:"name"`
	PluginID    string `json:"pluginId,omitempty"`
	PluginName  string `json:"pluginName,omitempty"`
	Type        string `json:"type"`
	Value       any    `json:"value,omitempty"`
}

// A requirement is something that the dashboard needs.
type requirement struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	Type    string `json:"type"`
	Version string `json:"version"`
}

// requires returns the requirements, sorted by type and id.
func (x *exporter) requires() []requirement {
	all := []requirement{{"grafana", "Grafana", "grafana", x.version}}
	for id := range x.types {
		all = append(all, requirement{id, pluginName(id), "datasource", "1.0.0"})
	}
	for id := range x.panels {
		all = append(all, requirement{id, pluginName(id), "panel", ""})
	}
	slices.SortFunc(all, func(a, b requirement) int { return strings.Compare(a.Type+" "+a.ID, b.Type+" "+b.ID) })
	return all
}

// pluginNames are the names of Grafana's plugins that are not their ids in other letters.
var pluginNames = map[string]string{
	"alertlist": "Alert list", "barchart": "Bar chart", "bargauge": "Bar gauge", "dashlist": "Dashboard list", "elasticsearch": "Elasticsearch",
	"flamegraph": "Flame Graph", "graph": "Graph (old)", "graphite": "Graphite", "influxdb": "InfluxDB", "mssql": "Microsoft SQL Server", "mysql": "MySQL",
	"nodeGraph": "Node Graph", "opentsdb": "OpenTSDB", "piechart": "Pie chart", "postgres": "PostgreSQL", "singlestat": "Singlestat",
	"state-timeline": "State timeline", "status-history": "Status history", "table-old": "Table (old)", "timeseries": "Time series", "xychart": "XY Chart",
}

func pluginName(id string) string {
	if name := pluginNames[id]; name != "" || id == "" {
		return name
	}
	return strings.ToUpper(id[:1]) + id[1:]
}
