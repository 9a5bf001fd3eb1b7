package github

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/release"
	"github.com/jasonwzm/release-builder/tools/internal/base/hint"
)

// installer is the pattern of the scripts that install a package.
const installer = "packages/*/script/install.sh"

// defaultAssets returns the patterns of what people download: archives and programs' sources,
// packages, charts, the installer, and all that describes and verifies them.
func defaultAssets() []string {
	return []string{
		"*.tar.gz", "*.tar.xz", "*.tar.zst", "*.zip", "*.sha256", "manifest.yaml", release.LockFile, release.Checksums, release.DocumentFile,
		"apk/*", "archlinux/*", "deb/*", "rpm/*", "helm/*.tgz", "helm/*.sha256", installer,
		"sbom/*", "*.openvex.json", release.Provenance,
	}
}

// assetFile is a file of the release that becomes an asset.
type assetFile struct {
	release.File
	name string
}

// chooseAssets returns the files that match a pattern, by their names as assets.
func chooseAssets(files []release.File, patterns []string) ([]assetFile, error) {
	var all []assetFile
	for _, p := range patterns {
		if _, err := path.Match(p, ""); err != nil {
			return nil, fmt.Errorf("pattern %q of assets: %w", p, err)
		}
	}
	installers := 0
	for _, f := range files {
		if ok, _ := path.Match(installer, f.Path); ok {
			installers++
		}
	}
	for _, f := range files {
		subject := f.Path
		if release.IsSignature(f.Path) {
			subject = strings.TrimSuffix(f.Path, release.SignatureSuffix)
		}
		if !slices.ContainsFunc(patterns, func(p string) bool { ok, _ := path.Match(p, subject); return ok }) {
			continue
		}
		if name := assetName(f.Path, subject, installers); name != "" {
			all = append(all, assetFile{f, name})
		}
	}
	slices.SortStableFunc(all, func(a, b assetFile) int { return strings.Compare(a.name, b.name) })
	var errs []error
	for i, a := range all {
		if i > 0 && a.name == all[i-1].name {
			errs = append(errs, fmt.Errorf("assets %q and %q: duplicate name %q", all[i-1].Path, a.Path, a.name))
		}
		errs = append(errs, checkAsset(a))
	}
	switch {
	case len(all) == 0:
		errs = append(errs, fmt.Errorf("no file of the release matches the assets %q", patterns))
	case len(all) > maxAssets:
		errs = append(errs, fmt.Errorf("got %d assets, GitHub accepts at most %d", len(all), maxAssets))
	}
	return all, errors.Join(errs...)
}

// checkAsset refuses files that GitHub would rename, because of other characters or a dot at
// an end, and empty files, which it does not accept.
func checkAsset(a assetFile) error {
	switch {
	case strings.ContainsFunc(a.name, func(r rune) bool { return !assetRune(r) }):
		return hint.With(fmt.Errorf("asset %q: GitHub would change the name, want only letters, digits and . _ - +", a.Path),
			"rename the file, or leave it out of the assets")
	case strings.Trim(a.name, ".") != a.name:
		return fmt.Errorf("asset %q: GitHub would change the name, want no dot at its beginning or end", a.Path)
	case a.Size == 0:
		return fmt.Errorf("asset %q is empty: GitHub does not accept empty files", a.Path)
	case a.Size > maxAssetSize:
		return fmt.Errorf("asset %q has %d bytes, GitHub accepts at most %d", a.Path, a.Size, maxAssetSize)
	}
	return nil
}

// assetRune reports whether GitHub keeps a character in an asset's name.
func assetRune(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("._-+", r)
}

// assetName returns the name of a file as an asset; empty for the checksum of a file whose
// name is another then. GitHub turns the ~ of a pre-release's packages into a dot. Of several
// installers each begins with the name of its package.
func assetName(file, subject string, installers int) string {
	name := path.Base(file)
	if ok, _ := path.Match(installer, subject); ok && installers > 1 {
		name = strings.Split(file, "/")[1] + "-" + name
	}
	if strings.Contains(name, "~") && path.Ext(subject) == ".sha256" {
		return ""
	}
	return strings.ReplaceAll(name, "~", ".")
}
