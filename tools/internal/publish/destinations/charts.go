package destinations

import (
	"context"

	"gopkg.in/yaml.v3"

	"github.com/jasonwzm/release-builder/tools/internal/input/profile"
	"github.com/jasonwzm/release-builder/tools/internal/input/strictyaml"
	"github.com/jasonwzm/release-builder/tools/internal/publish"
	"github.com/jasonwzm/release-builder/tools/internal/publish/chartrepo"
	"github.com/jasonwzm/release-builder/tools/internal/publish/registry"
)

// charts is the kind for Helm charts: a bucket as a Helm repository, a hub for OCI artifacts.
func charts() Kind {
	return Kind{
		Name: "charts", Noun: "place for charts", Reveals: 2,
		Kind: profile.Kind{
			Key: "charts",
			Fields: []profile.Field{
				{Key: "bucket", Holds: profile.URL, Rule: bucketRule, Where: true},
				{Key: "endpoint", Holds: profile.URL, Rule: endpointRule, Where: true},
				{Key: "hub", Holds: profile.URL, Rule: hubRule, Where: true},
				// Aliases in the hub, beside the chart's own version, which never moves.
				// Their names have the release's version; the rules compare the charts'
				// versions.
				{Key: "tags", Holds: profile.Names, Rule: tagRule, Example: "[latest]"},
			},
			Check: func(p *strictyaml.Parser, n *yaml.Node, f *strictyaml.Fields) {
				if have := f.Present("bucket", "hub"); len(have) != 1 {
					p.Errorf(n, "%sgot %d of bucket and hub, want one", f.In, len(have))
				}
				if f.Keys["bucket"] != nil {
					p.Alone(f, "bucket", "tags")
				}
			},
		},
		Credentials: func(a *Args, p profile.Place) string {
			if url := p.Text("bucket"); url != "" {
				return bucketCredentials(a, url)
			}
			return registryCredentials(a, p.Text("hub"))
		},
		Open: func(ctx context.Context, o *Opener, p profile.Place) (publish.Destination, error) {
			if url := p.Text("bucket"); url != "" {
				return chartrepo.New(ctx, o.bucketConfig(url, p.Text("endpoint")), o.Tree)
			}
			return registry.NewCharts(ctx, o.registryConfig(p), o.Tree)
		},
	}
}
