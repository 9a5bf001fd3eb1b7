package page

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/layout"
	"github.com/jasonwzm/release-builder/tools/internal/artifact/release"
	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
	"github.com/jasonwzm/release-builder/tools/internal/input/platform"
)

// A Download is a file of the release.
type Download struct {
	Path     string
	Size     int64 // in bytes
	Digest   digest.Digest
	Platform string // its title
}

// Name is the file's name without its directory.
func (d Download) Name() string { return path.Base(d.Path) }

// Verify is a command that checks the file in the current directory.
func (d Download) Verify() string {
	return fmt.Sprintf("echo %s | sha256sum -c", quote(d.Digest.Hex()+"  "+d.Name()))
}

// A Platform has what is for it: archives and programs.
type Platform struct {
	Name  string // such as linux-amd64; empty for what is for any platform
	Title string
	Files []Download
}

// An Image is a container image.
type Image struct {
	Name   string // with its variant
	Tag    string
	Digest digest.Digest
	// Reference is the image's by its digest, for a shell; empty if the line has no hub.
	Reference string
	Members   []ImagePlatform
}

// An ImagePlatform is an image for one platform.
type ImagePlatform struct {
	Platform string // such as linux/arm64
	Size     int64  // of config and layers, in bytes
}

// A Chart is a Helm chart.
type Chart struct {
	Download
	Command string
}

// A Package is a package of a Linux distribution.
type Package struct {
	Download
	Format, Command string
}

// Architecture is the title of what the package is for: all are for Linux.
func (p Package) Architecture() string { return strings.TrimPrefix(p.Platform, "Linux, ") }

// A Manager is a package manager, with the files that it reads.
type Manager struct {
	Name, Package string
	Files         []Download
}

// managers are the names of package managers, by their directory in packages/NAME.
var managers = map[string]string{
	"aur": "Arch User Repository", "homebrew": "Homebrew", "krew": "Krew", "nix": "Nix", "scoop": "Scoop", "script": "Any shell", "winget": "winget",
}

// installers are the commands that install a package, by its kind.
var installers = map[string]struct{ format, command string }{
	"apk":       {"Alpine", "apk add --allow-untrusted ./%s"},
	"archlinux": {"Arch Linux", "pacman -U %s"},
	"deb":       {"Debian, Ubuntu", "apt install ./%s"},
	"rpm":       {"Fedora, RHEL, SUSE", "rpm -U %s"},
}

func (p *Page) addArtifacts(artifacts []release.Artifact, a *Args) error {
	platforms := map[string]*Platform{}
	for _, f := range artifacts {
		d := Download{f.Path, f.Size, f.Digest, platformTitle(f.Platform)}
		if f.Kind != release.ImageKind {
			p.Files++
			p.Size += f.Size
		}
		switch f.Kind {
		case "archive", "binary":
			if platforms[f.Platform] == nil {
				platforms[f.Platform] = &Platform{Name: f.Platform, Title: cmp.Or(d.Platform, "Any platform")}
			}
			platforms[f.Platform].Files = append(platforms[f.Platform].Files, d)
		case "apk", "archlinux", "deb", "rpm":
			i := installers[f.Kind]
			p.Packages = append(p.Packages, Package{d, i.format, fmt.Sprintf(i.command, quote(d.Name()))})
		case "chart":
			name := strings.TrimSuffix(strings.TrimSuffix(d.Name(), ".tgz"), "-"+p.Version)
			p.Charts = append(p.Charts, Chart{d, "helm install " + quote(name) + " " + quote("./"+d.Name())})
		case "docker-archive":
			p.Archives = append(p.Archives, d)
		case "package-manifest":
			p.addManager(d)
		case "dashboard":
			p.Dashboards = append(p.Dashboards, d)
		case release.ImageKind, "checksum", "document", "licenses", "sbom", "sources", "vex":
		default:
			p.Others = append(p.Others, d)
		}
	}
	for _, known := range platforms {
		p.Platforms = append(p.Platforms, *known)
	}
	slices.SortFunc(p.Platforms, func(a, b Platform) int { return cmp.Or(order(a.Name)-order(b.Name), strings.Compare(a.Name, b.Name)) })
	return p.addImages(a)
}

// order puts the systems that most people have first.
func order(name string) int {
	if at := slices.Index([]string{"linux", "osx", "win"}, strings.Split(name, "-")[0]); at >= 0 {
		return at
	}
	return 9
}

func (p *Page) addManager(d Download) {
	parts := strings.Split(d.Path, "/")
	if len(parts) < 4 {
		p.Others = append(p.Others, d)
		return
	}
	name := cmp.Or(managers[parts[2]], parts[2])
	if last := len(p.Managers) - 1; last < 0 || p.Managers[last].Package != parts[1] || p.Managers[last].Name != name {
		p.Managers = append(p.Managers, Manager{Name: name, Package: parts[1]})
	}
	m := &p.Managers[len(p.Managers)-1]
	m.Files = append(m.Files, d)
}

func (p *Page) addImages(a *Args) error {
	for _, e := range a.Artifacts {
		if e.Kind != release.ImageKind {
			continue
		}
		desc, index, err := e.Index()
		if err != nil {
			return fmt.Errorf("image %q: %w", e.Path, err)
		}
		i := Image{Name: strings.TrimPrefix(e.Path, "images/"), Digest: layout.DigestOf(desc), Tag: desc.Annotations[layout.RefName]}
		repository, _ := layout.SplitVariant(i.Name, i.Tag, p.Version)
		if hub := a.Lock.Docker; hub != "" {
			ref := strings.TrimSuffix(hub, "/") + "/" + repository + "@" + string(i.Digest)
			i.Reference = quote(ref)
		}
		for _, m := range index.Manifests {
			if m.Platform == nil {
				continue
			}
			doc, err := layout.Path(e.Source).ReadDocument(m)
			if err != nil {
				return fmt.Errorf("image %q: %w", e.Path, err)
			}
			member := ImagePlatform{Platform: m.Platform.String()}
			if doc.Config != nil {
				member.Size = doc.Config.Size
			}
			for _, l := range doc.Layers {
				member.Size += l.Size
			}
			p.Size += member.Size
			i.Members = append(i.Members, member)
		}
		p.Images = append(p.Images, i)
	}
	slices.SortFunc(p.Images, func(a, b Image) int { return strings.Compare(a.Name, b.Name) })
	return nil
}

// A Document is a file that says something about the release.
type Document struct {
	Title, About string
	Files        []Download // without a digest if the file is made after the page
}

// Directory is where the last of the files is.
func (d Document) Directory() string { return path.Dir(d.Files[len(d.Files)-1].Path) + "/" }

func (p *Page) addDocuments(artifacts []release.Artifact, provenance string) {
	own := []*Document{
		{Title: "SBOM", About: "Bills of materials in SPDX and CycloneDX: of the release, of each image and of each source."},
		{Title: "Provenance", About: "Where the release comes from: SLSA provenance of every file, in an in-toto statement."},
		{Title: "VEX", About: "What is known about vulnerabilities, in OpenVEX."},
		{Title: "Licences", About: "NOTICES has the licences of everything that the release contains; the archives have those of each source."},
		{Title: "Sources", About: "The pinned sources, as one archive."},
		{Title: "Inputs", About: "The manifest that a person wrote, and the lock that it was resolved to."},
		{Title: "Digests", About: "The SHA-256 of every file, and what each file is, for programs."},
	}
	at := map[string]int{"sbom": 0, "vex": 2, "licenses": 3, "sources": 4, "document": 5}
	for _, f := range artifacts {
		if i, ok := at[f.Kind]; ok {
			own[i].Files = append(own[i].Files, Download{Path: f.Path, Size: f.Size, Digest: f.Digest})
		}
	}
	if provenance != "" {
		own[1].Files = []Download{{Path: provenance}}
	}
	own[6].Files = []Download{{Path: release.Checksums}, {Path: release.DocumentFile}}
	for _, d := range own {
		if len(d.Files) > 0 {
			p.Documents = append(p.Documents, *d)
		}
	}
}

// systems and architectures are the titles of GOOS and GOARCH.
var (
	systems = map[string]string{
		"aix": "AIX", "android": "Android", "darwin": "macOS", "dragonfly": "DragonFly BSD", "freebsd": "FreeBSD", "illumos": "illumos", "js": "JavaScript",
		"linux": "Linux", "netbsd": "NetBSD", "openbsd": "OpenBSD", "plan9": "Plan 9", "solaris": "Solaris", "wasip1": "WASI", "windows": "Windows",
	}
	architectures = map[string]string{
		"386": "32-bit x86", "amd64": "x86-64", "arm": "32-bit ARM", "arm64": "64-bit ARM", "wasm": "WebAssembly", platform.Universal: "universal",
	}
)

// platformTitle returns a platform's name for people, such as Linux, 64-bit ARM.
func platformTitle(name string) string {
	known, err := platform.Parse(name)
	if err != nil {
		return name
	}
	title := systems[known.GOOS] + ", " + cmp.Or(architectures[known.GOARCH], known.GOARCH)
	if level := strings.TrimLeft(strings.TrimPrefix(known.Arch(), known.GOARCH), "_"); level != "" {
		title += " " + level
	}
	return title
}

// quote quotes a word for a POSIX shell, if that is needed.
func quote(s string) string {
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@%+=:,./_-"
	if s != "" && strings.Trim(s, plain) == "" {
		return s
	}
	if !strings.ContainsAny(s, "\"$`\\!") {
		return `"` + s + `"`
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// variantOf returns the variant of a source whose build tags a program has, or "".
func variantOf(d *lock.Dependency, tags []string) string {
	sorted := slices.Sorted(slices.Values(tags))
	for _, name := range variantNames(d) {
		if slices.Equal(slices.Sorted(slices.Values(d.GoTags[name])), sorted) {
			return name
		}
	}
	return ""
}
