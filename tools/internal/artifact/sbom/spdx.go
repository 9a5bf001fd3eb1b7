package sbom

import (
	"cmp"
	"crypto/sha1"
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"github.com/spdx/tools-golang/spdx/v2/common"
	spdx "github.com/spdx/tools-golang/spdx/v2/v2_3"

	"github.com/jasonwzm/release-builder/tools/internal/base/jsonfile"
)

// SPDXMediaType is the media type of an SPDX document as JSON.
const SPDXMediaType = "application/spdx+json"

const (
	tool        = "release-builder"
	noAssertion = "NOASSERTION"
)

// SPDX returns the document in SPDX 2.3. Its namespace is derived from its content.
func (g *Graph) SPDX() ([]byte, error) {
	doc := &spdx.Document{
		SPDXVersion: spdx.Version, DataLicense: spdx.DataLicense, SPDXIdentifier: "DOCUMENT", DocumentName: g.Name,
		CreationInfo: &spdx.CreationInfo{
			Creators: []common.Creator{{CreatorType: "Tool", Creator: tool}},
			Created:  g.Created.Format(time.RFC3339),
		},
		Relationships: []*spdx.Relationship{{
			RefA: common.MakeDocElementID("", "DOCUMENT"), RefB: reference(g.Root.ID), Relationship: "DESCRIBES",
		}},
	}
	for _, e := range g.Elements {
		if e.Kind == File {
			doc.Files = append(doc.Files, spdxFile(e))
		} else {
			doc.Packages = append(doc.Packages, g.spdxPackage(e))
		}
	}
	for _, r := range g.Relations {
		doc.Relationships = append(doc.Relationships, &spdx.Relationship{
			RefA: reference(r.From), RefB: reference(r.To), Relationship: string(r.Type),
		})
	}
	raw, err := jsonfile.Marshal(doc)
	if err != nil {
		return nil, err
	}
	doc.DocumentNamespace = "https://spdx.org/spdxdocs/" + idString(g.Name) + "-" + serial(raw)
	return jsonfile.Marshal(doc)
}

func reference(id string) common.DocElementID { return common.MakeDocElementID("", id) }

func spdxFile(e *Element) *spdx.File {
	return &spdx.File{
		FileName: "./" + e.Locations[0], FileSPDXIdentifier: common.ElementID(e.ID), FileTypes: spdxTypes(e),
		Checksums:        []common.Checksum{{Algorithm: common.SHA1, Value: e.SHA1}, {Algorithm: common.SHA256, Value: e.SHA256}},
		LicenseConcluded: noAssertion, LicenseInfoInFiles: []string{noAssertion}, FileCopyrightText: noAssertion,
		FileComment: e.Comment,
	}
}

// spdxTypes returns the types of a file (SPDX 2.3, clause 8.3).
func spdxTypes(e *Element) []string {
	major, minor, _ := strings.Cut(e.MediaType, "/")
	switch {
	case e.MediaType == SPDXMediaType:
		return []string{"SPDX", "TEXT"}
	case major == "text", strings.HasSuffix(minor, "json"), strings.HasSuffix(minor, "yaml"):
		return []string{"TEXT"}
	case minor == "gzip", minor == "zip", minor == "zstd", minor == "x-xz", minor == "x-tar":
		return []string{"ARCHIVE"}
	case major == "image":
		return []string{"IMAGE"}
	}
	return []string{"OTHER"}
}

// purposes are the primary purposes of packages (SPDX 2.3, clause 7.24). A program is a
// package, because a layer, which is a package, cannot contain files without listing all of them.
var purposes = map[Kind]string{
	Release: "APPLICATION", Program: "APPLICATION", Image: "CONTAINER", Manifest: "CONTAINER", Base: "CONTAINER", Layer: "ARCHIVE",
	Module: "LIBRARY", Source: "SOURCE", Download: "FILE", OS: "OPERATING-SYSTEM", Package: "INSTALL",
}

func (g *Graph) spdxPackage(e *Element) *spdx.Package {
	license := cmp.Or(e.License, noAssertion)
	p := &spdx.Package{
		PackageName: e.Name, PackageSPDXIdentifier: common.ElementID(e.ID), PackageVersion: e.Version,
		PackageDownloadLocation: cmp.Or(e.URL, noAssertion), PackageLicenseConcluded: license, PackageLicenseDeclared: license,
		PackageSupplier: &common.Supplier{Supplier: noAssertion}, PackageCopyrightText: noAssertion,
		PrimaryPackagePurpose: purposes[e.Kind], PackageComment: e.Comment,
	}
	for _, c := range []common.Checksum{{Algorithm: common.SHA1, Value: e.SHA1}, {Algorithm: common.SHA256, Value: e.SHA256}} {
		if c.Value != "" {
			p.PackageChecksums = append(p.PackageChecksums, c)
		}
	}
	if e.PURL != "" {
		p.PackageExternalReferences = []*spdx.PackageExternalReference{{
			Category: common.CategoryPackageManager, RefType: common.TypePackageManagerPURL, Locator: e.PURL,
		}}
	}
	if len(e.Locations) > 0 {
		p.PackageSourceInfo = "found in " + strings.Join(e.Locations, ", ")
	}
	if e.Kind == Release {
		p.FilesAnalyzed = true
		p.PackageVerificationCode = g.verificationCode()
		p.PackageLicenseInfoFromFiles = []string{noAssertion}
	}
	return p
}

// verificationCode returns the code for the files of the release (SPDX 2.3, clause 7.9).
func (g *Graph) verificationCode() *common.PackageVerificationCode {
	var all []string
	for _, e := range g.Elements {
		if e.Kind == File {
			all = append(all, e.SHA1)
		}
	}
	slices.Sort(all)
	sum := sha1.Sum([]byte(strings.Join(all, "")))
	code := &common.PackageVerificationCode{Value: hex.EncodeToString(sum[:])}
	for _, name := range g.Excluded {
		code.ExcludedFiles = append(code.ExcludedFiles, "./"+name)
	}
	return code
}
