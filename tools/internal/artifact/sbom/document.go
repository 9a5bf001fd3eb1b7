package sbom

import (
	"cmp"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"path"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/layout"
	"github.com/jasonwzm/release-builder/tools/internal/artifact/release"
	"github.com/jasonwzm/release-builder/tools/internal/artifact/rpm"
	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
)

// Release returns the document of the whole release. The documents are the paths in the
// release of all documents that are written: they cannot describe themselves.
func (inv *Inventory) Release(documents []string) *Graph {
	b, l := newBuilder(), inv.args.Lock
	name := l.Product + "-" + l.Version
	root := b.add(name, name, Element{
		Kind: Release, Name: l.Product, Version: l.Version, PURL: purl("generic", "", l.Product, l.Version, nil),
	})
	for i := range l.Dependencies {
		b.relate(root, GeneratedFrom, inv.source(b, &l.Dependencies[i]))
	}
	files := map[string]*Element{}
	for _, f := range inv.files {
		e := b.add(f.path, f.path, Element{
			Kind: File, Name: f.path, SHA1: f.sha1, SHA256: f.sha256, MediaType: fileType(f), Locations: []string{f.path},
		})
		files[f.path] = e
		b.relate(root, Contains, e)
	}
	for i := range inv.args.Artifacts {
		a := &inv.args.Artifacts[i]
		if a.Kind == release.ImageKind {
			b.relate(root, Contains, inv.addImage(b, a))
			continue
		}
		for _, c := range a.Contents {
			p := inv.program(b, inv.programs[c.Source], path.Join(a.Path, c.Path))
			b.relate(files[a.Path], Contains, p)
		}
	}
	g := b.graph(name, l.Time, root)
	g.Excluded = union(documents, []string{release.Checksums, release.DocumentFile})
	return g
}

// fileType returns the media type of a file; that of an image is not of the layout's files.
func fileType(f file) string {
	if f.artifact.Kind == release.ImageKind {
		return ""
	}
	return f.artifact.MediaType
}

// Image returns the document of the image at a path in the release, such as images/crane.
func (inv *Inventory) Image(name string) (*Graph, error) {
	i := slices.IndexFunc(inv.args.Artifacts, func(a release.Entry) bool { return a.Path == name && a.Kind == release.ImageKind })
	if i < 0 {
		return nil, fmt.Errorf("the release has no image %q", name)
	}
	b := newBuilder()
	root := inv.addImage(b, &inv.args.Artifacts[i])
	return b.graph(root.Name+"-"+root.Version, inv.args.Lock.Time, root), nil
}

// Source returns the document of a dependency: all Go modules that a build of it reads.
func (inv *Inventory) Source(name string) (*Graph, error) {
	d, ok := inv.args.Lock.Find(name)
	if !ok {
		return nil, fmt.Errorf("the lock has no dependency %q", name)
	}
	b := newBuilder()
	root := inv.source(b, d)
	for _, m := range d.GoModules {
		if m.Sum != "" { // otherwise only its go.mod is read
			b.relate(root, DependsOn, inv.module(b, debug.Module{Path: m.Path, Version: m.Version, Sum: m.Sum}))
		}
	}
	if len(d.GoRoots) > 0 {
		b.relate(root, DependsOn, inv.stdlib(b, "go"+inv.args.Lock.Toolchain.Go.Version))
	}
	return b.graph(name+strings.TrimSuffix("-"+root.Version, "-"), d.Time, root), nil
}

// addImage adds an image and all that is in it.
func (inv *Inventory) addImage(b *builder, a *release.Entry) *Element {
	img := inv.images[a.Path]
	name := path.Base(a.Path)
	d := layout.DigestOf(img.index)
	root := b.add(string(d), name, Element{
		Kind: Image, Name: name, Version: inv.args.Lock.Version, PURL: imagePURL(name, string(d), ""),
		SHA256: d.Hex(), MediaType: string(img.index.MediaType), Locations: []string{a.Path},
	})
	for i := range img.manifests {
		b.relate(root, Contains, inv.addManifest(b, a, &img.manifests[i]))
	}
	return root
}

func (inv *Inventory) addManifest(b *builder, a *release.Entry, m *manifest) *Element {
	platform := ""
	if m.Platform != nil {
		platform = m.Platform.String()
	}
	name, d := path.Base(a.Path), layout.DigestOf(m.Descriptor)
	e := b.add(string(d), name+"-"+platform, Element{
		Kind: Manifest, Name: name + " (" + platform + ")", Version: inv.args.Lock.Version, PURL: imagePURL(name, string(d), platform),
		SHA256: d.Hex(), MediaType: string(m.MediaType), Locations: []string{path.Join(a.Path, layout.Blob(d))},
	})
	if base := inv.base(b, m.base); base != nil {
		b.relate(e, DescendantOf, base)
	}
	os := m.osRelease()
	if os.id != "" {
		o := b.add(os.id+"\x00"+os.version, os.id+"-"+os.version, Element{Kind: OS, Name: os.id, Version: os.version, Comment: os.name})
		b.relate(e, Contains, o)
	}
	for i, desc := range m.layers {
		ld := layout.DigestOf(desc)
		l := b.add(string(ld), ld.Hex()[:12], Element{
			Kind: Layer, Name: string(ld), SHA256: ld.Hex(), MediaType: string(desc.MediaType),
			Locations: []string{path.Join(a.Path, layout.Blob(ld))},
		})
		b.relate(e, Contains, l)
		for name, p := range m.found[i].programs {
			if visible(m.found, name, func(l *layer) bool { return l.programs[name] != nil }) == i {
				b.relate(l, Contains, inv.program(b, p, l.Locations[0]+"/"+name))
			}
		}
		inv.addPackages(b, m, i, l, os)
	}
	return e
}

// addPackages adds the packages of the distribution that layer i brings: those that are in
// the image, and in no layer below.
func (inv *Inventory) addPackages(b *builder, m *manifest, i int, l *Element, os osRelease) {
	for name, all := range m.found[i].databases {
		top := visible(m.found, name, func(l *layer) bool { return l.databases[name] != nil })
		if top < i {
			continue // nothing of it is left
		}
		for _, p := range all {
			below := slices.ContainsFunc(m.found[:i], func(l *layer) bool { return slices.Contains(l.databases[name], p) })
			if below || !slices.Contains(m.found[top].databases[name], p) {
				continue
			}
			u := osPURL(p, os)
			b.relate(l, Contains, b.add(u, p.name+"-"+p.version, Element{
				Kind: Package, Name: p.name, Version: p.version, PURL: u, Locations: []string{"/" + name},
			}))
		}
	}
}

// checkLogs returns an error if a database in the image lacks changes.
func (m *manifest) checkLogs() error {
	for _, l := range m.found {
		for name := range l.logs {
			if visible(m.found, name, func(l *layer) bool { return l.logs[name] }) >= 0 {
				return fmt.Errorf("%q: %w", name, rpm.ErrLog)
			}
		}
	}
	return nil
}

// osRelease returns the distribution of an image.
func (m *manifest) osRelease() osRelease {
	for _, name := range []string{"etc/os-release", "usr/lib/os-release"} {
		has := func(l *layer) bool { return l.release[name] != osRelease{} }
		if i := visible(m.found, name, has); i >= 0 {
			return m.found[i].release[name]
		}
	}
	return osRelease{}
}

// base adds the base image with a manifest's digest, or returns nil.
func (inv *Inventory) base(b *builder, d digest.Digest) *Element {
	for _, img := range inv.args.Lock.Images {
		for _, p := range img.Platforms {
			if p.Digest != d || d == "" {
				continue
			}
			reference := img.Base
			if strings.HasPrefix(reference, "oci-layout:") || strings.HasPrefix(reference, "docker-archive:") {
				reference = img.Name // a path of one machine tells others nothing
			}
			return b.add(string(d), reference, Element{
				Kind: Base, Name: reference, Version: string(d), PURL: imagePURL(reference, string(d), p.Platform), SHA256: d.Hex(),
			})
		}
	}
	return nil
}

// program adds a program and the modules in it.
func (inv *Inventory) program(b *builder, p *program, location string) *Element {
	name := strings.TrimSuffix(path.Base(location), ".exe")
	e := b.add(p.sha256, name, Element{
		Kind: Program, Name: path.Base(location), SHA1: p.sha1, SHA256: p.sha256, Locations: []string{location}, Comment: p.problem,
	})
	for _, f := range inv.args.Lock.Files {
		if f.Digest.Hex() == p.sha256 {
			b.relate(e, GeneratedFrom, download(b, f))
		}
	}
	for _, info := range p.infos {
		inv.modules(b, e, info)
	}
	return e
}

// modules adds the modules of a program.
func (inv *Inventory) modules(b *builder, e *Element, info *debug.BuildInfo) {
	all := []*Element{inv.stdlib(b, info.GoVersion)}
	origin := inv.origin(info)
	if origin != nil {
		b.relate(e, GeneratedFrom, inv.source(b, origin))
	}
	for _, m := range info.Deps {
		all = append(all, inv.module(b, *m))
	}
	if info.Main.Path != "" {
		main := inv.module(b, info.Main)
		e.Version = cmp.Or(e.Version, main.Version)
		for _, m := range all {
			b.relate(main, DependsOn, m)
		}
		if origin != nil {
			b.relate(main, GeneratedFrom, inv.source(b, origin))
		}
		all = append(all, main)
	}
	for _, m := range all {
		b.relate(e, DependsOn, m)
	}
}

// stdlib adds the standard library, under the names that scanners have for it.
func (inv *Inventory) stdlib(b *builder, goVersion string) *Element {
	version, _, _ := strings.Cut(goVersion, " ") // a GOEXPERIMENT follows
	u := purl("golang", "", "stdlib", strings.TrimPrefix(version, "go"), nil)
	return b.add(u, "stdlib-"+version, Element{
		Kind: Module, Name: "stdlib", Version: version, PURL: u, License: "BSD-3-Clause",
	})
}

// module adds a Go module. One that replaces another is listed under its own name.
func (inv *Inventory) module(b *builder, m debug.Module) *Element {
	comment := ""
	if r := m.Replace; r != nil {
		switch {
		case r.Version == "" || r.Version == "(devel)":
			comment = fmt.Sprintf("It is a directory in the place of %s@%s.", m.Path, m.Version)
			m.Version, m.Sum = "", ""
		default:
			comment = fmt.Sprintf("It replaces %s@%s.", m.Path, m.Version)
			m = *r
		}
	}
	if m.Version == "(devel)" {
		m.Version = "" // the go command has no version for it
	}
	u := modulePURL(m.Path, m.Version)
	// Those without a sum may have another content.
	return b.add(u+"\x00"+m.Sum, strings.TrimSuffix(m.Path+"-"+m.Version, "-"), Element{
		Kind: Module, Name: m.Path, Version: m.Version, PURL: u, SHA256: h1(m.Sum), Comment: comment,
		License: inv.args.Licenses[m.Path+"@"+m.Version],
	})
}

// h1 returns the SHA-256 in a module's sum (golang.org/x/mod/sumdb/dirhash.Hash1) in
// hexadecimal, or "".
func h1(sum string) string {
	raw, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(sum, "h1:"))
	if err != nil || len(raw) != 32 || !strings.HasPrefix(sum, "h1:") {
		return ""
	}
	return hex.EncodeToString(raw)
}

// origin returns the dependency that a program is compiled from, or nil.
func (inv *Inventory) origin(info *debug.BuildInfo) *lock.Dependency {
	revision := ""
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			revision = s.Value
		}
	}
	var found *lock.Dependency
	for i := range inv.args.Lock.Dependencies {
		d := &inv.args.Lock.Dependencies[i]
		var same bool
		switch {
		case d.Module != nil:
			same = d.Digest == info.Main.Sum && d.Module.Path == info.Main.Path && d.Module.Version == info.Main.Version
		case revision != "":
			same = d.Revision() == revision
		case d.Git != nil:
			for _, v := range d.Git.Versions {
				same = same || v != "(devel)" && v == info.Main.Version
			}
		}
		if same && found != nil {
			return nil // two commits with one version
		}
		if same {
			found = d
		}
	}
	return found
}

// source adds a dependency.
func (inv *Inventory) source(b *builder, d *lock.Dependency) *Element {
	if d.Module != nil {
		return inv.module(b, debug.Module{Path: d.Module.Path, Version: d.Module.Version, Sum: d.Digest})
	}
	e := Element{Kind: Source, Name: d.Name, Version: d.Revision(), SHA256: digest.Digest(d.Digest).Hex()}
	e.PURL = purl("generic", "", d.Name, e.Version, nil)
	e.Comment = "The checksum is of the canonical tar that the lock pins."
	if d.Git != nil {
		e.PURL, e.URL, e.Commit = gitPURL(d.Git, d.Name), gitLocation(d.Git), d.Git.Commit
	} else if d.Local.Dirty {
		e.Comment = "The directory differed from the commit. " + e.Comment
	}
	return b.add(d.Name, d.Name, e)
}

// download adds a file from the web.
func download(b *builder, f lock.File) *Element {
	e := Element{Kind: Download, Name: f.Name, SHA256: f.Digest.Hex()}
	if strings.HasPrefix(f.URL, "https:") || strings.HasPrefix(f.URL, "http:") {
		e.URL = f.URL
	}
	e.PURL = purl("generic", "", f.Name, "", map[string]string{"download_url": e.URL, "checksum": string(f.Digest)})
	return b.add(f.Name+"\x00"+f.Platform, strings.TrimSuffix(f.Name+"-"+f.Platform, "-"), e)
}
