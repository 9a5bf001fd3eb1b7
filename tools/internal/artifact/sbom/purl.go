package sbom

import (
	"net/url"
	"path"
	"strings"

	packageurl "github.com/package-url/packageurl-go"

	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
)

// modulePURL keeps the case of the path, as the go command and vulnerability scanners do.
func modulePURL(name, version string) string {
	return purl("golang", path.Dir(name), path.Base(name), version, nil)
}

// osPURL has the qualifiers by which scanners find the advisories of a distribution.
func osPURL(p osPackage, o osRelease) string {
	q := map[string]string{"arch": p.arch}
	namespace, version := o.id, p.version
	if p.format == "rpm" {
		if epoch, rest, ok := strings.Cut(version, ":"); ok {
			q["epoch"], version = epoch, rest
		}
		switch {
		case o.id == "rhel":
			namespace = "redhat"
		case strings.HasPrefix(o.id, "opensuse"):
			namespace = "opensuse"
		}
	}
	if p.source != "" || p.sourceVersion != "" {
		source := p.source
		if source == "" {
			source = p.name
		}
		q["upstream"] = source
		if p.sourceVersion != "" {
			q["upstream"] += "@" + p.sourceVersion
		}
	}
	if o.id != "" {
		q["distro"] = strings.TrimSuffix(o.id+"-"+o.version, "-")
	}
	return purl(p.format, namespace, p.name, version, q)
}

// imagePURL names an image by its digest. The reference is that of a registry, or only a name.
func imagePURL(reference, digest, platform string) string {
	q := map[string]string{}
	reference, _, _ = strings.Cut(reference, "@")
	if slash := strings.LastIndexByte(reference, '/'); slash >= 0 {
		if colon := strings.LastIndexByte(reference, ':'); colon > slash {
			reference, q["tag"] = reference[:colon], reference[colon+1:]
		}
		q["repository_url"] = reference
	}
	if parts := strings.Split(platform, "/"); len(parts) > 1 {
		q["arch"] = parts[1]
	}
	return purl("oci", "", strings.ToLower(path.Base(reference)), digest, q)
}

// gitPURL returns the package URL of a commit.
func gitPURL(g *lock.Git, name string) string {
	u, err := url.Parse(g.URL)
	if err == nil && u.Scheme == "https" && u.Hostname() == "github.com" {
		parts := strings.Split(strings.Trim(strings.TrimSuffix(u.Path, ".git"), "/"), "/")
		if len(parts) == 2 {
			return purl("github", strings.ToLower(parts[0]), strings.ToLower(parts[1]), g.Commit, nil)
		}
	}
	return purl("generic", "", name, g.Commit, map[string]string{"vcs_url": gitLocation(g)})
}

// gitLocation returns the location of a commit as SPDX writes it, or "" for a directory of
// this machine.
func gitLocation(g *lock.Git) string {
	u, err := url.Parse(g.URL)
	if err != nil || u.Scheme == "" {
		// user@host:path, as ssh takes it
		host, p, ok := strings.Cut(g.URL, ":")
		if !ok || strings.Contains(host, "/") {
			return ""
		}
		u = &url.URL{Scheme: "ssh", Host: host, Path: "/" + strings.TrimPrefix(p, "/")}
		if user, host, ok := strings.Cut(host, "@"); ok {
			u.User, u.Host = url.User(user), host
		}
	}
	switch u.Scheme {
	case "http", "https", "ssh", "git":
		if u.User != nil {
			u.User = url.User(u.User.Username())
		}
		return "git+" + u.String() + "@" + g.Commit
	}
	return ""
}

func purl(kind, namespace, name, version string, qualifiers map[string]string) string {
	if namespace == "." {
		namespace = ""
	}
	for key, value := range qualifiers {
		if value == "" {
			delete(qualifiers, key)
		}
	}
	return packageurl.NewPackageURL(kind, namespace, name, version, packageurl.QualifiersFromMap(qualifiers), "").ToString()
}
