package provenance

import (
	"cmp"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
)

// resolved returns everything that a lock pins.
func resolved(l *lock.Lock) ([]Resource, error) {
	c := &collector{modules: map[[2]string]lock.GoModule{}}
	for _, d := range l.Dependencies {
		c.dependency(d)
	}
	for _, i := range l.Images {
		c.image(i)
	}
	for _, f := range l.Files {
		r := Resource{Name: "file " + f.Title(), URI: f.URL, Digest: sha256(f.Digest), Annotations: map[string]string{"why": f.Why}}
		c.all = append(c.all, r)
	}
	for _, m := range []lock.GoModule{l.Toolchain.RulesGo, l.Toolchain.Gazelle} {
		if m.Path != "" {
			c.module(m)
		}
	}
	for _, platform := range slices.Sorted(maps.Keys(l.Toolchain.Go.Archives)) {
		a := l.Toolchain.Go.Archives[platform]
		version := "v0.0.1-go" + l.Toolchain.Go.Version + "." + strings.ReplaceAll(platform, "_", "-")
		r := Resource{Name: "Go SDK " + platform, URI: purl("golang.org/toolchain", version), Digest: sha256(a.SHA256)}
		c.hash(&r, a.Sum)
		c.all = append(c.all, r)
	}
	for _, m := range c.modules {
		r := Resource{Name: "module " + m.Path + " " + m.Version, URI: purl(m.Path, m.Version)}
		if m.Sum == "" {
			r.Annotations = map[string]string{"file": "go.mod"}
		}
		c.hash(&r, cmp.Or(m.Sum, m.GoModSum))
		c.all = append(c.all, r)
	}
	return c.all, c.err
}

type collector struct {
	all     []Resource
	modules map[[2]string]lock.GoModule // by path and version
	err     error
}

// hash adds an h1 sum to a resource's digests (dirHash of the DigestSet specification).
func (c *collector) hash(r *Resource, sum string) {
	data, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(sum, "h1:"))
	if err != nil || len(data) != 32 || !strings.HasPrefix(sum, "h1:") {
		c.err = fmt.Errorf("writing provenance: %s: got sum %q, want h1: and 32 bytes in base64", r.Name, sum)
		return
	}
	if r.Digest == nil {
		r.Digest = map[string]string{}
	}
	r.Digest["dirHash"] = hex.EncodeToString(data)
}

// module adds a Go module. Of one that is listed with and without content, the content counts.
func (c *collector) module(m lock.GoModule) {
	key := [2]string{m.Path, m.Version}
	if m.Sum == "" {
		if _, ok := c.modules[key]; ok {
			return
		}
	} else {
		m.GoModSum = "" // the content has the go.mod
	}
	c.modules[key] = m
}

func (c *collector) dependency(d lock.Dependency) {
	for _, m := range d.GoModules {
		c.module(m)
	}
	r := Resource{Name: "dependency " + d.Name, Annotations: map[string]string{"why": d.Why}}
	if d.Primary {
		r.Annotations["primary"] = "true"
	}
	switch {
	case d.Module != nil:
		r.URI = purl(d.Module.Path, d.Module.Version)
		c.hash(&r, d.Digest)
	case d.Git != nil:
		r.URI = gitURI(d.Git.URL)
		if d.Git.Ref != "" {
			r.URI += "@" + d.Git.Ref
		}
		r.Digest = map[string]string{"sha256": strings.TrimPrefix(d.Digest, "sha256:")}
		r.commit(d.Git.Commit)
	default:
		r.URI = "file:" + (&url.URL{Path: d.Local.Path}).EscapedPath()
		r.Digest = map[string]string{"sha256": strings.TrimPrefix(d.Digest, "sha256:")}
		if d.Local.Commit != "" && !d.Local.Dirty {
			r.commit(d.Local.Commit)
		}
		if d.Local.Dirty {
			r.Annotations["dirty"] = "true"
		}
	}
	if len(d.Exclude) > 0 {
		r.Annotations["exclude"] = strings.Join(d.Exclude, " ")
	}
	c.all = append(c.all, r)
}

// commit adds the commit of a source. DigestSets have no algorithm for commits of repositories
// with SHA-256.
func (r *Resource) commit(id string) {
	if len(id) == 40 {
		r.Digest["gitCommit"] = id
		return
	}
	r.Annotations["commit"] = id
}

// image adds the base of an image: its index, and the manifest of each platform.
func (c *collector) image(i lock.Image) {
	uri := i.Base
	if !strings.HasPrefix(uri, "oci-layout:") && !strings.HasPrefix(uri, "docker-archive:") {
		name, _, _ := strings.Cut(i.Base, "@")
		uri = "oci://" + name + "@" + string(i.Digest)
	}
	c.all = append(c.all, Resource{Name: "base image " + i.Name, URI: uri, Digest: sha256(i.Digest)})
	for _, p := range i.Platforms {
		c.all = append(c.all, Resource{Name: "base image " + i.Name + " " + p.Platform, URI: uri, Digest: sha256(p.Digest)})
	}
}

// purl returns the package URL of a Go module
// (https://github.com/package-url/purl-spec/blob/main/types-doc/golang-definition.md).
func purl(path, version string) string {
	return "pkg:golang/" + path + "@" + url.QueryEscape(version)
}

var hostPath = regexp.MustCompile(`^([^/@]+@[^/:]+):(.*)$`)

// gitURI returns the location of a repository in the form of pip and SPDX: git+URL.
func gitURI(location string) string {
	if m := hostPath.FindStringSubmatch(location); m != nil {
		return "git+ssh://" + m[1] + "/" + strings.TrimPrefix(m[2], "/")
	}
	if strings.Contains(location, "://") {
		return "git+" + location
	}
	return "git+file:" + (&url.URL{Path: location}).EscapedPath()
}
