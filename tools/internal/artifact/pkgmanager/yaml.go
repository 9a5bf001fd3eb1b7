package pkgmanager

import (
	"bytes"
	"fmt"
	"path"
	"regexp"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/jasonwzm/release-builder/tools/internal/base/jsonfile"
)

// scoopArch are Scoop's names of architectures.
var scoopArch = map[string]string{"amd64": "64bit", "386": "32bit", "arm64": "arm64"}

type scoopDownload struct {
	URL     string `json:"url"`
	Hash    string `json:"hash"` // SHA-256
	Extract string `json:"extract_dir,omitempty"`
}

func scoop(p *Package) (map[string]string, error) {
	windows, err := p.need("windows")
	if err != nil {
		return nil, err
	}
	app := struct {
		Version      string                   `json:"version"`
		Description  string                   `json:"description"`
		Homepage     string                   `json:"homepage"`
		License      string                   `json:"license"`
		Architecture map[string]scoopDownload `json:"architecture"`
		Bin          []string                 `json:"bin"`
	}{p.Version, p.Description, p.Homepage, p.License, map[string]scoopDownload{}, nil}
	for _, a := range windows {
		if arch := scoopArch[a.Arch]; arch != "" {
			app.Architecture[arch] = scoopDownload{p.url(a), a.Digest.Hex(), a.Directory}
			app.Bin = a.Programs
		}
	}
	data, err := jsonfile.Marshal(app)
	return map[string]string{p.Name + ".json": string(data)}, err
}

// wingetVersion is the version of the schemas.
const wingetVersion = "1.6.0"

var wingetArch = map[string]string{"amd64": "x64", "386": "x86", "arm64": "arm64", "arm": "arm"}

// wingetWord matches a part of a package identifier.
var wingetWord = regexp.MustCompile(`^[^.\s\\/:*?"<>|\x01-\x1f]{1,32}$`)

type wingetHead struct {
	Identifier string `yaml:"PackageIdentifier"`
	Version    string `yaml:"PackageVersion"`
}

type wingetFoot struct {
	Type    string `yaml:"ManifestType"`
	Version string `yaml:"ManifestVersion"`
}

type wingetFile struct {
	Path  string `yaml:"RelativeFilePath"`
	Alias string `yaml:"PortableCommandAlias"`
}

type wingetInstaller struct {
	Architecture string       `yaml:"Architecture"`
	URL          string       `yaml:"InstallerUrl"`
	SHA256       string       `yaml:"InstallerSha256"`
	Files        []wingetFile `yaml:"NestedInstallerFiles"`
}

func winget(p *Package) (map[string]string, error) {
	windows, err := p.need("windows")
	if err != nil {
		return nil, err
	}
	if !wingetWord.MatchString(p.Publisher) {
		return nil, fmt.Errorf("publisher: got %q, want a part of an identifier, such as a name without blanks", p.Publisher)
	}
	head := wingetHead{p.Publisher + "." + p.Name, p.Version}
	var installers []wingetInstaller
	for _, a := range windows {
		i := wingetInstaller{Architecture: wingetArch[a.Arch], URL: p.url(a), SHA256: strings.ToUpper(a.Digest.Hex())}
		if i.Architecture == "" {
			continue
		}
		for _, program := range a.Programs {
			i.Files = append(i.Files, wingetFile{strings.ReplaceAll(path.Join(a.Directory, program), "/", `\`), command(program)})
		}
		installers = append(installers, i)
	}
	dir := path.Join("manifests", strings.ToLower(p.Publisher[:1]), p.Publisher, p.Name, p.Version)
	return yamlFiles(map[string]any{
		path.Join(dir, head.Identifier+".yaml"): struct {
			wingetHead `yaml:",inline"`
			Locale     string `yaml:"DefaultLocale"`
			wingetFoot `yaml:",inline"`
		}{head, "en-US", wingetFoot{"version", wingetVersion}},
		path.Join(dir, head.Identifier+".installer.yaml"): struct {
			wingetHead `yaml:",inline"`
			Type       string            `yaml:"InstallerType"`
			Nested     string            `yaml:"NestedInstallerType"`
			Installers []wingetInstaller `yaml:"Installers"`
			wingetFoot `yaml:",inline"`
		}{head, "zip", "portable", installers, wingetFoot{"installer", wingetVersion}},
		path.Join(dir, head.Identifier+".locale.en-US.yaml"): struct {
			wingetHead `yaml:",inline"`
			Locale     string `yaml:"PackageLocale"`
			Publisher  string `yaml:"Publisher"`
			Name       string `yaml:"PackageName"`
			URL        string `yaml:"PackageUrl"`
			License    string `yaml:"License"`
			Short      string `yaml:"ShortDescription"`
			wingetFoot `yaml:",inline"`
		}{head, "en-US", p.Publisher, p.Name, p.Homepage, p.License, p.Description, wingetFoot{"defaultLocale", wingetVersion}},
	})
}

type krewPlatform struct {
	Selector struct {
		Labels map[string]string `yaml:"matchLabels"`
	} `yaml:"selector"`
	URI    string `yaml:"uri"`
	SHA256 string `yaml:"sha256"`
	Bin    string `yaml:"bin"`
}

func krew(p *Package) (map[string]string, error) {
	type spec struct {
		Version   string         `yaml:"version"`
		Homepage  string         `yaml:"homepage"`
		Short     string         `yaml:"shortDescription"`
		Platforms []krewPlatform `yaml:"platforms"`
	}
	plugin := struct {
		APIVersion string            `yaml:"apiVersion"`
		Kind       string            `yaml:"kind"`
		Metadata   map[string]string `yaml:"metadata"`
		Spec       spec              `yaml:"spec"`
	}{
		"krew.googlecontainertools.github.com/v1alpha2", "Plugin", map[string]string{"name": strings.TrimPrefix(p.Name, "kubectl-")},
		spec{Version: "v" + strings.TrimPrefix(p.Version, "v"), Homepage: p.Homepage, Short: p.Description},
	}
	for _, a := range p.Archives {
		if !strings.HasSuffix(a.Path, ".tar.gz") && !strings.HasSuffix(a.Path, ".zip") {
			continue // krew unpacks nothing else
		}
		k := krewPlatform{URI: p.url(a), SHA256: a.Digest.Hex(), Bin: path.Join(a.Directory, a.Programs[0])}
		k.Selector.Labels = map[string]string{"os": a.OS, "arch": a.Arch}
		plugin.Spec.Platforms = append(plugin.Spec.Platforms, k)
	}
	return yamlFiles(map[string]any{plugin.Metadata["name"] + ".yaml": plugin})
}

func yamlFiles(docs map[string]any) (map[string]string, error) {
	files := map[string]string{}
	for name, doc := range docs {
		var b bytes.Buffer
		e := yaml.NewEncoder(&b)
		e.SetIndent(2)
		if err := e.Encode(doc); err != nil {
			return nil, err
		}
		files[name] = b.String()
	}
	return files, nil
}
