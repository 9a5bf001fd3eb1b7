package dashboard

import (
	"encoding/json"
	"strings"
	"testing"
)

const mesh = `{
  "annotations": {"list": [{"builtIn": 1, "datasource": "-- Grafana --", "name": "Annotations & Alerts"}]},
  "title": "Mesh", "id": 12, "uid": "mesh", "version": 3, "schemaVersion": 39.0,
  "panels": [
    {"type": "row", "title": "Row", "panels": [{"type": "timeseries", "title": "Requests", "datasource": "Prometheus", "pluginVersion": "v11.2.0", "targets": [{"datasource": {"type": "prometheus", "uid": "prometheus"}, "expr": "a<b"}]}]},
    {"type": "stat", "datasource": {"type": "prometheus", "uid": "$datasource"}},
    {"type": "table", "datasource": {"type": "loki", "uid": "P8E80F9AEF21F6940"}, "pluginVersion": "9.4.0"},
    {"type": "text", "datasource": null},
    {"type": "gauge", "datasource": {"type": "prometheus", "uid": "Second"}},
    {"type": "gauge", "datasource": {"type": "datasource", "uid": "-- Mixed --"}}
  ],
  "templating": {"list": [
    {"type": "query", "name": "namespace", "datasource": "Prometheus", "current": {"value": "mine"}, "options": [{"value": "mine"}], "refresh": 0},
    {"type": "datasource", "name": "datasource", "query": "prometheus", "current": {"value": "mine"}},
    {"type": "constant", "name": "the cluster", "query": "east"}
  ]}
}`

func TestExternalize(t *testing.T) {
	got, err := Externalize([]byte(mesh), Args{Version: "1.31.0"})
	if err != nil {
		t.Fatal(err)
	}
	var d struct {
		Inputs []struct {
			Name, Label, Type, PluginID, PluginName string
			Value                                   any
		} `json:"__inputs"`
		Requires    []map[string]string `json:"__requires"`
		ID          *int
		Description string
		Templating  struct{ List []map[string]any }
	}
	if err := json.Unmarshal(got, &d); err != nil {
		t.Fatal(err)
	}
	var inputs, requires []string
	for _, i := range d.Inputs {
		inputs = append(inputs, i.Name+" "+i.Label+" "+i.Type+" "+i.PluginID)
	}
	for _, r := range d.Requires {
		requires = append(requires, r["type"]+" "+r["id"]+" "+r["name"]+" "+r["version"])
	}
	for name, tt := range map[string]struct{ got, want string }{
		"__inputs": {strings.Join(inputs, "\n"), "DS_LOKI Loki datasource loki\nDS_PROMETHEUS Prometheus datasource prometheus\nDS_PROMETHEUS_SECOND Second datasource prometheus\nVAR_THE_CLUSTER the cluster constant "},
		"__requires": {strings.Join(requires, "\n"), "datasource loki Loki 1.0.0\ndatasource prometheus Prometheus 1.0.0\ngrafana grafana Grafana 11.2.0\n" +
			"panel gauge Gauge \npanel stat Stat \npanel table Table \npanel text Text \npanel timeseries Time series "},
		"description": {d.Description, "Mesh version 1.31.0"},
	} {
		if tt.got != tt.want {
			t.Errorf("%s: got\n%s\nwant\n%s", name, tt.got, tt.want)
		}
	}
	for want, n := range map[string]int{
		`"datasource": "${DS_PROMETHEUS}"`: 2, `"uid": "${DS_PROMETHEUS}"`: 1, `"uid": "${DS_LOKI}"`: 1, `"uid": "${DS_PROMETHEUS_SECOND}"`: 1, `"uid": "$datasource"`: 1,
		`"-- Grafana --"`: 1, `"-- Mixed --"`: 1, `"mine"`: 0, `"expr": "a<b"`: 1, `"schemaVersion": 39,`: 1, `"id": null`: 1, `"refresh": 1`: 1,
		`"query": "${VAR_THE_CLUSTER}"`: 1, `"value": "east"`: 1, `"datasource": null`: 1, `"uid": "mesh"`: 1,
	} {
		if got := strings.Count(string(got), want); got != n {
			t.Errorf("got %d of %s, want %d", got, want, n)
		}
	}
	// The order of the keys in the source has no effect.
	var any map[string]json.RawMessage
	if err := json.Unmarshal([]byte(mesh), &any); err != nil {
		t.Fatal(err)
	}
	sorted, err := json.Marshal(any)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := Externalize(sorted, Args{Version: "1.31.0"}); err != nil || string(again) != string(got) {
		t.Errorf("got %s, %v for another order, want the same", again, err)
	}
}

func TestDescription(t *testing.T) {
	got, err := Externalize([]byte(`{"title": "Mesh", "description": "What happens.\n"}`), Args{Version: "1.31.0"})
	if want := `"description": "What happens.\n\nMesh version 1.31.0"`; err != nil || !strings.Contains(string(got), want) {
		t.Errorf("got %s, %v, want %s", got, err, want)
	}
}

func TestErrors(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{`{`, "parsing dashboard: line 1: unexpected EOF"},
		{`null`, "want an object"},
		{`[]`, "parsing dashboard: want an object, as Grafana exports it"},
		{`{"title": "x"} {}`, "got something after the object"},
		{`{}`, "dashboard has no title"},
		{`{"title": "x", "__inputs": []}`, "dashboard has __inputs"},
		{`{"title": "x", "panels": [{"title": "y", "datasource": "Thanos"}]}`, `"y": data source "Thanos" has no known type: want an entry in datasources, such as "Thanos": "prometheus"`},
		{`{"title": "x", "panels": [{"datasource": {"uid": "abc"}}]}`, `"x": data source "abc" has no type`},
		{`{"title": "x", "datasource": 3}`, `data source is a json.Number`},
		{`{"title": "x", "templating": {"list": [3]}}`, `variable 1: want an object`},
		{`{"title": "x", "a": ` + strings.Repeat("[", 200) + strings.Repeat("]", 200) + `}`, "deeper than 100"},
	} {
		if _, err := Externalize([]byte(tt.in), Args{Version: "1"}); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %s", tt.in, err, tt.want)
		}
	}
	got, err := Externalize([]byte(`{"title": "x", "panels": [{"title": "y", "datasource": "Thanos"}]}`), Args{Version: "1", Datasources: map[string]string{"Thanos": "prometheus"}})
	if err != nil || !strings.Contains(string(got), `"${DS_PROMETHEUS}"`) {
		t.Errorf("got %s, %v", got, err)
	}
}

func FuzzExternalize(f *testing.F) {
	f.Add([]byte(mesh))
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := Externalize(data, Args{Version: "1"})
		if err != nil {
			return
		}
		if _, err := Externalize(got, Args{Version: "1"}); err == nil {
			t.Errorf("got %s, which is not for sharing", got)
		}
	})
}
