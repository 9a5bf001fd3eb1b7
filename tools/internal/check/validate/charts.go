package validate

import (
	"bytes"
	"path"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/helmchart"
	"github.com/jasonwzm/release-builder/tools/internal/artifact/release"
)

// chart checks the metadata of a chart's archive.
func (c *checker) chart(a release.Artifact, data []byte) {
	c.checked(Charts, 1)
	chart, err := helmchart.Read(bytes.NewReader(data))
	if err != nil {
		c.find(Charts, a.Path, "", "%v", err)
		return
	}
	want := strings.TrimPrefix(c.tree.Version, "v")
	if got := strings.TrimPrefix(chart.Version, "v"); got != want {
		c.find(Charts, a.Path, "", "its version is %q, want %q", chart.Version, want)
	}
	if got, ok := chart.Metadata["appVersion"].(string); ok && strings.TrimPrefix(got, "v") != want {
		c.find(Charts, a.Path, "", "its appVersion is %q, want %q", got, want)
	}
	if got := path.Base(a.Path); got != chart.Name+"-"+chart.Version+".tgz" {
		c.find(Charts, a.Path, "", "its name is %q, want %q", got, chart.Name+"-"+chart.Version+".tgz")
	}
}
