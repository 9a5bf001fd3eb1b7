package destinations

import (
	"context"
	"errors"

	"github.com/jasonwzm/release-builder/tools/internal/base/hint"
	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
	"github.com/jasonwzm/release-builder/tools/internal/input/profile"
	"github.com/jasonwzm/release-builder/tools/internal/publish"
	"github.com/jasonwzm/release-builder/tools/internal/publish/grafana"
)

// dashboards is the kind for Grafana dashboards, whose ids are in the manifest.
func dashboards() Kind {
	return Kind{
		Name: "grafana", Noun: "dashboards at", Reveals: 4,
		Kind: profile.Kind{Key: "grafana", Single: true, Fields: []profile.Field{
			{Key: "url", Holds: profile.URL, Rule: endpointRule, Where: true, Default: func(profile.Place, *lock.Lock) string { return grafana.Home }},
		}},
		Credentials: func(a *Args, _ profile.Place) string { return tokenFile(a.GrafanaToken) },
		Open: func(_ context.Context, o *Opener, p profile.Place) (publish.Destination, error) {
			c := grafana.Config{Name: o.Name, URL: p.Text("url"), Transport: o.Transport, Log: o.Log}
			var err error
			if c.Token, err = o.readToken("Grafana's token", o.GrafanaToken, "GRAFANA_TOKEN"); err != nil {
				return nil, err
			}
			if c.Token == "" && o.Tree != nil && len(grafana.Published(o.Tree)) > 0 {
				return nil, hint.With(errors.New("no token for Grafana"), "pass --grafanatoken FILE or --grafanatoken env://NAME, or set GRAFANA_TOKEN; the token has to be one of the organization that has the dashboards")
			}
			return grafana.New(c, o.Tree)
		},
	}
}
