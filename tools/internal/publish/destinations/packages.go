package destinations

import (
	"context"
	"regexp"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/openpgp"
	"github.com/jasonwzm/release-builder/tools/internal/artifact/release"
	"github.com/jasonwzm/release-builder/tools/internal/input/profile"
	"github.com/jasonwzm/release-builder/tools/internal/input/rules"
	"github.com/jasonwzm/release-builder/tools/internal/input/strictyaml"
	"github.com/jasonwzm/release-builder/tools/internal/publish"
	"github.com/jasonwzm/release-builder/tools/internal/publish/pkgrepo"
)

// Rules of repositories of Linux packages.
var (
	secretRule    = strictyaml.Rule{Want: "the path of a file, or env://NAME for an environment variable", Check: checkSecret}
	componentRule = strictyaml.Rule{Want: `a name of letters, digits, ".", "_", "-"`, Check: rules.FileName}
)

// aptRepositories are buckets with Debian packages.
func aptRepositories() Kind {
	return packageKind("apt", "apt repository", "suites", pkgrepo.NewApt,
		// The component of each package; main by default.
		profile.Field{Key: "component", Rule: componentRule},
		// What Release says of the repository; the product by default.
		profile.Field{Key: "origin", Rule: lineRule},
		profile.Field{Key: "label", Rule: lineRule},
		profile.Field{Key: "description", Rule: lineRule},
	)
}

// yumRepositories are buckets with RPM packages.
func yumRepositories() Kind {
	return packageKind("yum", "yum repository", "channels", pkgrepo.NewYum,
		// The URL at which users read the bucket and prefix; the service's own by default.
		profile.Field{Key: "url", Holds: profile.URL, Rule: rules.Web},
	)
}

// apkRepositories are buckets with packages of Alpine Linux.
func apkRepositories() Kind {
	return packageKind("apk", "apk repository", "channels", pkgrepo.NewApk,
		profile.Field{Key: "origin", Rule: lineRule},
		profile.Field{Key: "description", Rule: lineRule},
	)
}

// packageKind is a kind of repositories in buckets. Its channels, which users subscribe to,
// have rules as aliases do.
func packageKind(name, noun, channels string, open func(context.Context, pkgrepo.Config, *release.Tree) (publish.Destination, error), more ...profile.Field) Kind {
	fields := []profile.Field{
		{Key: "bucket", Holds: profile.URL, Rule: bucketRule, Required: true, Where: true},
		{Key: "endpoint", Holds: profile.URL, Rule: endpointRule, Where: true},
		{Key: channels, Holds: profile.Names, Rule: aliasRule, Example: "[stable]", Required: true},
		// The secret key that signs the indexes, and its passphrase. They are files of the
		// machine that publishes, or in its environment; no receipt names them.
		{Key: "key", Rule: secretRule, Required: true},
		{Key: "passphrase", Rule: secretRule},
	}
	return Kind{
		Name: name, Noun: noun, Reveals: 2,
		Kind: profile.Kind{Key: name, Fields: append(fields, more...)},
		Credentials: func(a *Args, p profile.Place) string {
			if key := p.Text("key"); !strings.Contains(key, "://") {
				return key
			}
			return bucketCredentials(a, p.Text("bucket"))
		},
		Open: func(ctx context.Context, o *Opener, p profile.Place) (publish.Destination, error) {
			return open(ctx, pkgrepo.Config{
				Config: o.bucketConfig(p.Text("bucket"), p.Text("endpoint")), Channels: o.aliases(p.List(channels)),
				Key:       openpgp.LoadArgs{Key: p.Text("key"), Passphrase: p.Text("passphrase"), Env: o.Env},
				Base:      p.Text("url"),
				Component: p.Text("component"), Origin: p.Text("origin"), Label: p.Text("label"), Description: p.Text("description"),
			}, o.Tree)
		},
	}
}

var variable = regexp.MustCompile(`^env://[A-Za-z_][A-Za-z0-9_]*$`)

// checkSecret accepts absolute paths only: the directory that a command starts in is not the
// user's.
func checkSecret(s string) string {
	switch {
	case variable.MatchString(s):
		return ""
	case strings.Contains(s, "://"):
		return "not env://NAME"
	case !strings.HasPrefix(filled(s), "/"):
		return "an absolute path, or one that begins with {state}"
	}
	return rules.PlainText(s)
}
