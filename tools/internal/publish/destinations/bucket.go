package destinations

import (
	"cmp"
	"context"
	"path/filepath"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/input/profile"
	"github.com/jasonwzm/release-builder/tools/internal/input/rules"
	"github.com/jasonwzm/release-builder/tools/internal/input/strictyaml"
	"github.com/jasonwzm/release-builder/tools/internal/publish"
	"github.com/jasonwzm/release-builder/tools/internal/publish/bucket"
)

// Rules of buckets, which also apply to charts.
var (
	bucketRule   = strictyaml.Rule{Want: "a URL such as gs://bucket/prefix, s3://bucket/prefix or file:///directory", Check: checkBucket}
	endpointRule = strictyaml.Rule{Want: "an http or https URL", Check: checkEndpoint}
	aliasRule    = strictyaml.Rule{
		Want:  `a file name of letters, digits, ".", "_", "-", and {major}, {minor}, {patch}, {version}, {commit}`,
		Check: func(s string) string { return rules.FileName(filledName(s)) },
	}
)

// buckets are buckets with all files of a release.
func buckets() Kind {
	return Kind{
		Name: "bucket", Noun: "bucket", Reveals: 3,
		Kind: profile.Kind{Key: "buckets", Fields: []profile.Field{
			{Key: "url", Holds: profile.URL, Rule: bucketRule, Required: true, Where: true},
			// The URL of a service that speaks S3; none for AWS.
			{Key: "endpoint", Holds: profile.URL, Rule: endpointRule, Where: true},
			// Objects whose body is the version, such as latest.
			{Key: "aliases", Holds: profile.Names, Rule: aliasRule, Example: "[latest]"},
		}},
		Label: func(p profile.Place) string {
			scheme, _, _ := strings.Cut(p.Text("url"), "://")
			return cmp.Or(map[string]string{"gs": "gcs", "s3": "s3"}[scheme], "bucket")
		},
		Credentials: func(a *Args, p profile.Place) string { return bucketCredentials(a, p.Text("url")) },
		Open: func(ctx context.Context, o *Opener, p profile.Place) (publish.Destination, error) {
			c := o.bucketConfig(p.Text("url"), p.Text("endpoint"))
			c.Aliases = o.aliases(p.List("aliases"))
			return bucket.New(ctx, c, o.Tree)
		},
	}
}

func (o *Opener) bucketConfig(url, endpoint string) bucket.Config {
	return bucket.Config{Name: o.Name, URL: url, Endpoint: endpoint, Yank: o.Yank, Transport: o.Transport}
}

func bucketCredentials(a *Args, url string) string {
	home := a.Env("HOME")
	switch {
	case strings.HasPrefix(url, "gs:"):
		return cmp.Or(a.Env("GOOGLE_APPLICATION_CREDENTIALS"), filepath.Join(home, ".config", "gcloud", "application_default_credentials.json"))
	case strings.HasPrefix(url, "s3:"):
		return cmp.Or(a.Env("AWS_SHARED_CREDENTIALS_FILE"), filepath.Join(home, ".aws", "credentials"))
	}
	return ""
}

func checkBucket(s string) string {
	if bad := rules.PlainText(s); bad != "" {
		return bad
	}
	if strings.HasPrefix(s, "{state}") {
		return "no file:// before {state}"
	}
	return rules.URL(filled(s), "gs", "s3", "file")
}

func checkEndpoint(s string) string {
	if bad := rules.PlainText(s); bad != "" {
		return bad
	}
	return rules.URL(s, "http", "https")
}

// filled returns s with examples in place of the templates.
func filled(s string) string {
	return strings.NewReplacer("{state}", "/state", "{version}", "1.0.0", "{name}", "name").Replace(s)
}

// filledName is filled for the name of an alias or tag.
func filledName(s string) string {
	return strings.NewReplacer("{version}", "1.0.0", "{major}", "1", "{minor}", "0", "{patch}", "0", "{commit}", strings.Repeat("0", 40)).Replace(s)
}
