package chartrepo

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestPruneIndex(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	const head, foot = "apiVersion: v1\nentries:", "generated: \"2026-01-02T03:04:05Z\"\n"
	const one, two = "    - version: 1.0.0\n      digest: \"01\"\n      urls:\n        - a-1.0.0.tgz\n", "    - version: 1.1.0\n      x: kept\n      urls:\n        - a-1.1.0.tgz\n"
	for _, tt := range []struct{ name, in, want, goes, stays string }{
		{"one of two versions", head + "\n  a:\n" + two + one, head + "\n  a:\n" + two, "[a-1.0.0.tgz]", "[a-1.1.0.tgz]"},
		{"a chart's only version", head + "\n  a:\n" + one + "  b:\n" + two, head + "\n  b:\n" + two, "[a-1.0.0.tgz]", "[a-1.1.0.tgz]"},
		{"neighbours", head + "\n  a:\n" + one + "  b:\n" + one, head + " {}\n", "[a-1.0.0.tgz a-1.0.0.tgz]", "[]"},
		{"none", head + "\n  a:\n" + two, head + "\n  a:\n" + two, "[]", "[a-1.1.0.tgz]"},
		{"files elsewhere", head + "\n  a:\n    - version: 1.0.0\n      urls: [https://charts.example/a.tgz, ../a.tgz, sub/a.tgz, ..]\n", head + " {}\n", "[]", "[]"},
		{"no index", "", head + " {}\n", "[]", "[]"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, err := PruneIndex([]byte(tt.in), "1.0.0", now)
			if err != nil {
				t.Fatal(err)
			}
			if string(p.Data) != tt.want+foot || fmt.Sprint(p.Goes) != tt.goes || fmt.Sprint(p.Stays) != tt.stays {
				t.Errorf("got goes %v, stays %v and\n%s\nwant goes %s, stays %s and\n%s", p.Goes, p.Stays, p.Data, tt.goes, tt.stays, tt.want+foot)
			}
		})
	}
	if _, err := PruneIndex([]byte("entries: ["), "1.0.0", now); err == nil || !strings.Contains(err.Error(), "reading index.yaml: ") {
		t.Errorf("a damaged index: got error %v, want one that says so", err)
	}
}
