package main

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/base/dirs"
	"github.com/jasonwzm/release-builder/tools/internal/base/hint"
	"github.com/jasonwzm/release-builder/tools/internal/input/profile"
	"github.com/jasonwzm/release-builder/tools/internal/publish"
	"github.com/jasonwzm/release-builder/tools/internal/publish/destinations"
)

func kinds() []string { return destinations.Kinds() }

// check returns what is wrong with the flags, or "".
func (o *options) check() string {
	var named []string
	for flag, given := range map[string]bool{"--stage": o.stage, "--production": o.production, "--destinations": o.destinations != ""} {
		if given {
			named = append(named, flag)
		}
	}
	slices.Sort(named)
	for _, kind := range o.only {
		if !slices.Contains(kinds(), kind) {
			return fmt.Sprintf("--only: got %q, want some of %s", kind, strings.Join(kinds(), ","))
		}
	}
	if _, _, err := publish.ParseName(o.promote); o.promote != "" && err != nil {
		return fmt.Sprintf("--promote: %v", err)
	}
	switch {
	case len(named) > 1:
		return fmt.Sprintf("got %s, want one of them", strings.Join(named, " and "))
	case o.destinations != "" && !strings.Contains(o.destinations, ":"):
		return fmt.Sprintf("--destinations: got %q, want FILE:PROFILE", o.destinations)
	case o.promote != "" && o.release != "":
		return "got --promote and --release, want one of them: a promotion takes the release from where it was published"
	case o.notes != "" && o.since != "":
		return "got --notes and --since, want one of them: --since is for notes that are made from the lock"
	case len(o.tags.names) > 0 && o.hub == "" && len(named) == 0:
		return "--dockertags without --dockerhub"
	case len(o.gcsAliases.names) > 0 && o.gcs == "" && len(named) == 0:
		return "--gcsaliases without --gcsbucket"
	case (len(o.s3Aliases.names) > 0 || o.endpoint != "") && o.s3 == "" && len(named) == 0:
		return "--s3aliases or --s3-base-endpoint without --s3bucket"
	case len(named) == 0 && !o.overrides():
		return "no destinations: want --stage, --production, --destinations FILE:PROFILE, or flags that name some"
	}
	return ""
}

// overrides reports whether a flag names a destination.
func (o *options) overrides() bool {
	return o.hub != "" || o.gcs != "" || o.s3 != "" || o.helmBucket != "" || o.helmHub != "" || o.github != ""
}

// name is the profile's.
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

// profile returns the profile that is named, with what flags override. The line's
// own destinations are in file, which is empty if it has none.
func (o *options) profile(file, line string) (profile.Profile, error) {
	p := profile.Profile{Name: o.name()}
	if o.stage || o.production || o.destinations != "" {
		var err error
		if p, err = o.read(file, line, p.Name); err != nil {
			return p, err
		}
	}
	if p.From != "" && o.promote == "" {
		err := fmt.Errorf("profile %q takes promotions from profile %q only: got no --promote", p.Name, p.From)
		return p, hint.With(err, "publish to profile %q, then pass --promote VERSION; or let %q take what was built: from: build in its profile", p.From, p.Name)
	}
	return p, o.override(&p)
}

// source returns the profile that a promotion to p comes from.
func (o *options) source(file, line string, p profile.Profile) (profile.Profile, error) {
	from := cmp.Or(p.From, profile.Stage)
	if from == p.Name {
		err := fmt.Errorf("promoting to profile %q: it takes what was built", p.Name)
		return p, hint.With(err, "leave out --promote, or name the profile to promote to, as --production")
	}
	return o.read(file, line, from)
}

// read returns a profile of the file that a flag names, or of the line's own.
func (o *options) read(file, line, name string) (profile.Profile, error) {
	if o.destinations != "" {
		file = dirs.FromCaller(o.destinations[:strings.LastIndexByte(o.destinations, ':')])
	}
	if file == "" {
		err := fmt.Errorf("line %q has no destinations", line)
		return profile.Profile{}, hint.With(err, "write manifests/%s/destinations.yaml, or name the destinations with flags", line)
	}
	p, err := profile.Read(file, name)
	if err != nil {
		return profile.Profile{}, err
	}
	return *p, nil
}

// override puts what flags say in place of what the profile says of the same service.
func (o *options) override(p *profile.Profile) error {
	o.overrideBucket(p, "gs://", o.gcs, "", o.gcsAliases.names)
	o.overrideBucket(p, "s3://", o.s3, o.endpoint, o.s3Aliases.names)
	if o.hub != "" {
		p.Registries = []profile.Registry{{Hub: o.hub}}
	}
	for i := range p.Registries {
		if len(o.tags.names) > 0 {
			p.Registries[i].Tags = o.tags.names
		}
	}
	if o.helmBucket != "" {
		p.Charts = slices.DeleteFunc(p.Charts, func(c profile.Charts) bool { return c.Bucket != "" })
		p.Charts = append(p.Charts, profile.Charts{Bucket: bucketURL("gs://", o.helmBucket)})
	}
	if o.helmHub != "" {
		p.Charts = slices.DeleteFunc(p.Charts, func(c profile.Charts) bool { return c.Hub != "" })
		p.Charts = append(p.Charts, profile.Charts{Hub: o.helmHub})
	}
	if p.Tags != nil && o.tagger != "" {
		p.Tags.Tagger = o.tagger
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
	tagger := o.tagger
	if p.Tags != nil {
		tagger = p.Tags.Tagger
	}
	if tagger == "" {
		return errors.New("--github: nobody to tag as: say who with --tagger 'NAME <ADDRESS>'")
	}
	release := profile.GitHub{Owner: o.github}
	if p.GitHub != nil {
		release = *p.GitHub
		release.Owner, release.Dir = o.github, ""
	}
	p.Tags, p.GitHub = &profile.Tags{Owner: o.github, Tagger: tagger}, &release
	return nil
}

func (o *options) overrideBucket(p *profile.Profile, scheme, bucket, endpoint string, aliases []string) {
	if bucket != "" {
		p.Buckets = slices.DeleteFunc(p.Buckets, func(b profile.Bucket) bool { return strings.HasPrefix(b.URL, scheme) })
		p.Buckets = append(p.Buckets, profile.Bucket{URL: bucketURL(scheme, bucket)})
	}
	for i := range p.Buckets {
		if b := &p.Buckets[i]; strings.HasPrefix(b.URL, scheme) {
			if len(aliases) > 0 {
				b.Aliases = aliases
			}
			if endpoint != "" {
				b.Endpoint = endpoint
			}
		}
	}
}

// bucketURL takes a bucket with and without its scheme.
func bucketURL(scheme, bucket string) string {
	if strings.Contains(bucket, "://") {
		return bucket
	}
	return scheme + bucket
}
