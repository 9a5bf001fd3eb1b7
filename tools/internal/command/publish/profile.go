package publish

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/base/dirs"
	"github.com/jasonwzm/release-builder/tools/internal/base/hint"
	"github.com/jasonwzm/release-builder/tools/internal/input/manifest"
	"github.com/jasonwzm/release-builder/tools/internal/input/profile"
	"github.com/jasonwzm/release-builder/tools/internal/publish"
	"github.com/jasonwzm/release-builder/tools/internal/publish/destinations"
)

func kinds() []string { return destinations.All().Names() }

// check returns the error in the flags, or "".
func (o *options) check() string {
	var named []string
	for flag, given := range map[string]bool{"--stage": o.stage, "--production": o.production, "--destinations": o.destinations != ""} {
		if given {
			named = append(named, flag)
		}
	}
	slices.Sort(named)
	for _, kind := range o.Only {
		if !slices.Contains(kinds(), kind) {
			return fmt.Sprintf("--only: got %q, want some of %s", kind, strings.Join(kinds(), ","))
		}
	}
	if _, _, err := publish.ParseName(o.Promote); o.Promote != "" && err != nil {
		return fmt.Sprintf("--promote: %v", err)
	}
	if bad := o.checkYank(); bad != "" {
		return bad
	}
	switch {
	case o.preflight && o.plan:
		return "got --preflight and --plan, want one of them"
	case o.out != "" && !o.plan:
		return "--out without --plan"
	case o.Approved != "" && o.plan:
		return "got --approved and --plan, want one of them"
	case len(named) > 1:
		return fmt.Sprintf("got %s, want one of them", strings.Join(named, " and "))
	case o.destinations != "" && !strings.Contains(o.destinations, ":"):
		return fmt.Sprintf("--destinations: got %q, want FILE:PROFILE", o.destinations)
	case o.Promote != "" && o.Release != "":
		return "got --promote and --release, want one of them: a promotion takes the release from its stage"
	case o.Events != "" && (o.Promote != "" || o.Release != ""):
		return "got --events and --promote or --release, want one of them: each says where the release is"
	case strings.Contains(o.key, "-----"):
		return "--cosignkey: got a key's content, want a file, env://NAME or a URI"
	case o.Notes != "" && o.Since != "":
		return "got --notes and --since, want one of them: --since only affects notes that are made from the lock"
	case len(o.tags.names) > 0 && o.hub == "" && len(named) == 0:
		return "--dockertags without --dockerhub"
	case len(o.gcsAliases.names) > 0 && o.gcs == "" && len(named) == 0:
		return "--gcsaliases without --gcsbucket"
	case len(o.s3Aliases.names) > 0 && o.s3 == "" && len(named) == 0:
		return "--s3aliases without --s3bucket"
	case o.endpoint != "" && o.s3 == "" && o.s3HelmBucket == "" && len(named) == 0:
		return "--s3-base-endpoint without --s3bucket or --s3helmbucket"
	case o.packages.passphrase != "" && o.packages.key == "":
		return "--packagepassphrase without --packagekey"
	case o.packages.any() && o.packages.key == "":
		return "--aptbucket, --yumbucket or --apkbucket without --packagekey"
	case len(named) == 0 && !o.overrides():
		return "no destinations: want --stage, --production, --destinations FILE:PROFILE, or flags for destinations"
	}
	return ""
}

// checkYank is check for the flags of a yank.
func (o *options) checkYank() string {
	version, _, err := publish.ParseName(o.Yank)
	switch {
	case o.Yank == "" && o.To != "":
		return "--to without --yank"
	case o.Yank == "" && o.Why != "":
		return "--why without --yank"
	case o.Yank == "":
		return ""
	case err != nil:
		return fmt.Sprintf("--yank: %v", err)
	case o.To == version:
		return fmt.Sprintf("--to: got %q, which is the release to yank", o.To)
	case o.To != "" && !manifest.ValidVersion(o.To):
		return fmt.Sprintf("--to: got %q, want a version", o.To)
	case o.Promote != "" || o.Release != "" || o.Events != "" || o.Notes != "" || o.Since != "" || len(o.Back) > 0:
		return "--yank publishes nothing: got --promote, --release, --events, --notes, --since or --allow-downgrade too"
	}
	return ""
}

// overrides reports whether a flag names a destination.
func (o *options) overrides() bool {
	return o.hub != "" || o.gcs != "" || o.s3 != "" || o.helmBucket != "" || o.s3HelmBucket != "" || o.helmHub != "" || o.packages.any() || o.github != "" || o.GrafanaToken != ""
}

// name returns the profile's name.
func (o *options) name() string {
	switch {
	case o.stage:
		return "stage"
	case o.production:
		return "production"
	case o.destinations != "":
		return o.destinations[strings.LastIndexByte(o.destinations, ':')+1:]
	}
	return "flags"
}

// profile returns the named profile with the overrides of flags. The line's own destinations
// are in file, which is empty if it has none.
func (o *options) profile(file, line string) (profile.Profile, error) {
	p := profile.Profile{Name: o.name()}
	if o.stage || o.production || o.destinations != "" {
		var err error
		if p, err = o.read(file, line, p.Name); err != nil {
			return p, err
		}
	}
	if p.From != "" && o.Promote == "" && o.Yank == "" {
		err := fmt.Errorf("profile %q takes promotions from profile %q only: got no --promote", p.Name, p.From)
		return p, hint.With(err, "publish to profile %q, then pass --promote VERSION; or write from: build in profile %q", p.From, p.Name)
	}
	return p, o.override(&p)
}

// source returns the profile that a promotion to p comes from.
func (o *options) source(file, line string, p profile.Profile) (profile.Profile, error) {
	from := cmp.Or(p.From, profile.Stage)
	if from == p.Name {
		err := fmt.Errorf("promoting to profile %q: it does not take promotions", p.Name)
		return p, hint.With(err, "leave out --promote, or pass the profile to promote to, such as --production")
	}
	return o.read(file, line, from)
}

// read returns a profile of the file that a flag names, or of the line's own file.
func (o *options) read(file, line, name string) (profile.Profile, error) {
	if o.destinations != "" {
		file = dirs.FromCaller(o.destinations[:strings.LastIndexByte(o.destinations, ':')])
	}
	if file == "" {
		err := fmt.Errorf("line %q has no destinations", line)
		return profile.Profile{}, hint.With(err, "write manifests/%s/destinations.yaml, or pass flags for destinations", line)
	}
	p, err := destinations.All().Schema().Read(file, name)
	if err != nil {
		return profile.Profile{}, err
	}
	return *p, nil
}

// override replaces the profile's places by those that flags give for the same service.
func (o *options) override(p *profile.Profile) error {
	if o.key != "" {
		p.Sign = o.key
	}
	o.overrideBucket(p, "gs://", o.gcs, "", o.gcsAliases.names)
	o.overrideBucket(p, "s3://", o.s3, o.endpoint, o.s3Aliases.names)
	all := func(profile.Place) bool { return true }
	if o.hub != "" {
		p.Drop("registries", all)
		p.Places = append(p.Places, profile.Place{Key: "registries"}.WithText("hub", o.hub))
	}
	o.overrideCharts(p)
	if o.helmHub != "" {
		p.Drop("charts", func(c profile.Place) bool { return c.Text("hub") != "" })
		p.Places = append(p.Places, profile.Place{Key: "charts"}.WithText("hub", o.helmHub))
	}
	o.packages.override(p)
	if o.GrafanaToken != "" && len(p.Of("grafana")) == 0 {
		p.Places = append(p.Places, profile.Place{Key: "grafana", Single: true})
	}
	for i, place := range p.Places {
		switch {
		case place.Key == "registries" && len(o.tags.names) > 0:
			p.Places[i] = place.WithList("tags", o.tags.names)
		case place.Key == "tags" && o.tagger != "":
			p.Places[i] = place.WithText("tagger", o.tagger)
		}
	}
	if err := o.overrideGitHub(p); err != nil {
		return err
	}
	return o.overrideRules(p)
}

func (o *options) overrideGitHub(p *profile.Profile) error {
	if o.github == "" {
		return nil
	}
	tags, release := profile.Place{Key: "tags", Single: true}, profile.Place{Key: "github", Single: true}
	tagger := o.tagger
	for _, t := range p.Of(tags.Key) {
		tagger = t.Text("tagger")
	}
	if tagger == "" {
		return errors.New("--github: no author for the tags: pass --tagger 'NAME <ADDRESS>'")
	}
	for _, g := range p.Of(release.Key) {
		release = g.WithText("dir", "")
	}
	p.Drop(tags.Key, func(profile.Place) bool { return true })
	p.Drop(release.Key, func(profile.Place) bool { return true })
	p.Places = append(p.Places, tags.WithText("owner", o.github).WithText("tagger", tagger), release.WithText("owner", o.github))
	return nil
}

func (o *options) overrideBucket(p *profile.Profile, scheme, bucket, endpoint string, aliases []string) {
	matches := func(b profile.Place) bool { return b.Key == "buckets" && strings.HasPrefix(b.Text("url"), scheme) }
	if bucket != "" {
		p.Drop("buckets", matches)
		p.Places = append(p.Places, profile.Place{Key: "buckets"}.WithText("url", bucketURL(scheme, bucket)))
	}
	for i, b := range p.Places {
		if !matches(b) {
			continue
		}
		if len(aliases) > 0 {
			b = b.WithList("aliases", aliases)
		}
		if endpoint != "" {
			b = b.WithText("endpoint", endpoint)
		}
		p.Places[i] = b
	}
}

// overrideCharts replaces the Helm repositories in buckets by those of flags.
func (o *options) overrideCharts(p *profile.Profile) {
	if o.helmBucket == "" && o.s3HelmBucket == "" {
		return
	}
	p.Drop("charts", func(c profile.Place) bool { return c.Text("bucket") != "" })
	place := profile.Place{Key: "charts"}
	if o.helmBucket != "" {
		p.Places = append(p.Places, place.WithText("bucket", bucketURL("gs://", o.helmBucket)))
	}
	if o.s3HelmBucket != "" {
		p.Places = append(p.Places, place.WithText("bucket", bucketURL("s3://", o.s3HelmBucket)).WithText("endpoint", o.endpoint))
	}
}

// bucketURL returns the URL of a bucket, which may have its scheme already.
func bucketURL(scheme, bucket string) string {
	if strings.Contains(bucket, "://") {
		return bucket
	}
	return scheme + bucket
}
