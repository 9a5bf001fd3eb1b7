package publish

import (
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/base/dirs"
	"github.com/jasonwzm/release-builder/tools/internal/input/profile"
)

// packageFlags are the flags for repositories of Linux packages.
type packageFlags struct {
	apt, yum, apk, key, passphrase string
}

// buckets are the buckets by kind; empty for the profile's.
func (f *packageFlags) buckets() []struct{ kind, channels, bucket string } {
	return []struct{ kind, channels, bucket string }{{"apt", "suites", f.apt}, {"yum", "channels", f.yum}, {"apk", "channels", f.apk}}
}

func (f *packageFlags) any() bool { return f.apt != "" || f.yum != "" || f.apk != "" }

// override replaces the repositories that flags give, and the key of all.
func (f *packageFlags) override(p *profile.Profile) {
	for _, b := range f.buckets() {
		if b.bucket != "" {
			p.Drop(b.kind, func(profile.Place) bool { return true })
			p.Places = append(p.Places, profile.Place{Key: b.kind}.WithText("bucket", bucketURL("gs://", b.bucket)).WithList(b.channels, []string{"stable"}))
		}
		for i, place := range p.Places {
			if place.Key == b.kind && f.key != "" {
				p.Places[i] = place.WithText("key", secretName(f.key)).WithText("passphrase", secretName(f.passphrase))
			}
		}
	}
}

// secretName returns the name of a file as the user means it, or env://NAME.
func secretName(name string) string {
	if name == "" || strings.Contains(name, "://") {
		return name
	}
	return dirs.FromCaller(name)
}
