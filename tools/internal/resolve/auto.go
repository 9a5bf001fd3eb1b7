package resolve

import (
	"context"
	"fmt"
	"net/url"
	"path"
	"regexp"
	"strings"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/module"

	"github.com/jasonwzm/release-builder/tools/internal/base/hint"
	"github.com/jasonwzm/release-builder/tools/internal/input/depsfile"
	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
	"github.com/jasonwzm/release-builder/tools/internal/input/manifest"
)

// auto replaces a dependency's Auto by the revision in a file of the source, and records
// which file that was.
func auto(ctx context.Context, dep *manifest.Dependency, s *Source) (*Request, error) {
	ask := &Request{Dependency: *dep}
	ask.Auto = ""
	var file string
	var err error
	switch dep.Auto {
	case manifest.AutoDeps:
		file = s.Name + ".deps"
		err = autoDeps(ctx, ask, s, file)
	case manifest.AutoModules:
		file = "go.mod"
		err = autoModules(ctx, ask, s)
	case manifest.AutoProxyWorkspace:
		file = "WORKSPACE"
		err = autoWorkspace(ctx, ask, s)
	default:
		err = fmt.Errorf("auto: got %q", dep.Auto)
	}
	if err != nil {
		return nil, hint.With(err, "write the revision in the manifest instead of auto: %s", dep.Auto)
	}
	ask.Why = file + " of " + s.Revision
	return ask, nil
}

// autoDeps takes the revision from the source's deps file.
func autoDeps(ctx context.Context, ask *Request, s *Source, file string) error {
	data, err := s.ReadFile(ctx, file)
	if err != nil {
		return fmt.Errorf("reading %s of %s: %w", file, s.Revision, err)
	}
	f, err := depsfile.Parse(data)
	if err != nil {
		return fmt.Errorf("reading %s of %s: %w", file, s.Revision, err)
	}
	e, err := f.Find(ask.Name, repositoryName(ask.Git))
	if err != nil {
		return fmt.Errorf("reading %s of %s: %w", file, s.Revision, err)
	}
	if lock.IsCommit(e.LastStable) {
		ask.SHA = e.LastStable
	} else {
		ask.Tag = e.LastStable
	}
	return nil
}

// autoModules takes the version of a module from the source's go.mod. For a git
// repository a version is a tag, and a pseudo-version a commit.
func autoModules(ctx context.Context, ask *Request, s *Source) error {
	data, err := s.ReadFile(ctx, "go.mod")
	if err != nil {
		return fmt.Errorf("reading go.mod of %s: %w", s.Revision, err)
	}
	f, err := modfile.Parse("go.mod", data, nil) // ParseLax leaves out replace
	if err != nil {
		return fmt.Errorf("reading go.mod of %s: %w", s.Revision, err)
	}
	if ask.Module != "" {
		m, err := required(f, s, ask.Module)
		ask.Module, ask.Version = m.Path, m.Version
		return err
	}
	paths := modulePaths(f, ask.Name, ask.Git)
	for _, p := range paths {
		if path := requiredPath(f, p); path != "" {
			m, err := required(f, s, path)
			if err != nil {
				return err
			}
			return gitRevision(ask, m)
		}
	}
	return fmt.Errorf("go.mod of %s does not require any of %s", s.Revision, strings.Join(paths, ", "))
}

// repositoryName returns the last part of a repository's URL: its name, which the manifest's
// name for it may differ from.
func repositoryName(repository string) string {
	repository = strings.TrimRight(repository, "/")
	name := repository[strings.LastIndexAny(repository, "/:")+1:]
	return strings.TrimSuffix(name, ".git")
}

// modulePaths returns the module paths that a git repository may have: those beside the
// source's own, such as istio.io/api beside istio.io/istio, and that of its URL.
func modulePaths(f *modfile.File, name, repository string) []string {
	var paths []string
	if f.Module != nil {
		own, _, _ := module.SplitPathVersion(f.Module.Mod.Path)
		if dir := path.Dir(own); dir != "." {
			paths = append(paths, dir+"/"+name)
			if other := repositoryName(repository); other != "" && other != name {
				paths = append(paths, dir+"/"+other)
			}
		}
	}
	host, rest, ok := strings.Cut(repository, ":")
	if u, err := url.Parse(repository); err == nil && u.Host != "" {
		host, rest, ok = u.Hostname(), u.Path, true
	} else if _, after, found := strings.Cut(host, "@"); found {
		host = after
	}
	if rest = strings.Trim(strings.TrimSuffix(strings.TrimSuffix(rest, "/"), ".git"), "/"); ok && rest != "" {
		paths = append(paths, host+"/"+rest)
	}
	return paths
}

// requiredPath returns the path by which f requires a module, in any major version, or "".
func requiredPath(f *modfile.File, want string) string {
	for _, req := range f.Require {
		if prefix, _, ok := module.SplitPathVersion(req.Mod.Path); ok && prefix == want {
			return req.Mod.Path
		}
	}
	return ""
}

// required returns the version of a module that f requires, or its replacement in f.
func required(f *modfile.File, s *Source, path string) (module.Version, error) {
	none := module.Version{}
	for _, req := range f.Require {
		if req.Mod.Path != path {
			continue
		}
		m := req.Mod
		for _, rep := range f.Replace {
			if rep.Old == req.Mod {
				m = rep.New
				break // has priority over one for all versions
			}
			if rep.Old == (module.Version{Path: path}) {
				m = rep.New
			}
		}
		if m.Version == "" {
			return none, fmt.Errorf("go.mod of %s replaces %s by the directory %q", s.Revision, path, m.Path)
		}
		return m, nil
	}
	return none, fmt.Errorf("go.mod of %s does not require %s", s.Revision, path)
}

// gitRevision turns a module's version into a commit or tag of its repository
// (https://go.dev/ref/mod#versions).
func gitRevision(ask *Request, m module.Version) error {
	if !module.IsPseudoVersion(m.Version) {
		ask.Tag = strings.TrimSuffix(m.Version, "+incompatible")
		return nil
	}
	var err error
	if ask.SHA, err = module.PseudoVersionRev(m.Version); err != nil {
		return fmt.Errorf("reading version %q of %s: %w", m.Version, m.Path, err)
	}
	if ask.Since, err = module.PseudoVersionTime(m.Version); err != nil {
		return fmt.Errorf("reading version %q of %s: %w", m.Version, m.Path, err)
	}
	return nil
}

var envoySHA = regexp.MustCompile(`(?m)^ENVOY_SHA *= *"([^"\n]*)"`)

// autoWorkspace takes the commit of Envoy from the WORKSPACE of Istio's proxy.
func autoWorkspace(ctx context.Context, ask *Request, s *Source) error {
	data, err := s.ReadFile(ctx, "WORKSPACE")
	if err != nil {
		return fmt.Errorf("reading WORKSPACE of %s: %w", s.Revision, err)
	}
	found := envoySHA.FindAllSubmatch(data, 2)
	switch {
	case len(found) == 0:
		return fmt.Errorf(`WORKSPACE of %s has no line ENVOY_SHA = "<commit>"`, s.Revision)
	case len(found) > 1:
		return fmt.Errorf("WORKSPACE of %s: duplicate ENVOY_SHA", s.Revision)
	case !lock.IsCommit(string(found[0][1])):
		return fmt.Errorf("WORKSPACE of %s: ENVOY_SHA: got %q, want 40 hexadecimal digits", s.Revision, found[0][1])
	}
	ask.SHA = string(found[0][1])
	return nil
}
