package validate

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/release"
)

// statements checks what the release says about itself against what it has: SBOM, provenance
// and licences. The programs in the artifacts are known.
func (c *checker) statements(ctx context.Context) error {
	for _, a := range c.doc.Artifacts {
		var check func(a release.Artifact, data []byte) error
		switch {
		case a.Kind == "provenance":
			check = c.provenance
		case a.Kind == "sbom" && strings.HasPrefix(a.Path, "sbom/"+c.doc.Product+"-"+c.doc.Version+"."): // that of the release
			check = c.sbom
		case a.Kind == "licenses" && path.Base(a.Path) == "NOTICES":
			check = c.notices
		default:
			continue
		}
		data, err := c.tree.ReadFile(ctx, a.Path)
		if err != nil {
			return err
		}
		c.checked(Statements, 1)
		if err := check(a, data); err != nil {
			c.find(Statements, a.Path, "", "%v", err)
		}
	}
	return nil
}

// described returns the artifacts that a statement has to describe: statements cannot describe
// those that are made from them.
func (c *checker) described(a release.Artifact) []release.Artifact {
	var found []release.Artifact
	for _, other := range c.doc.Artifacts {
		switch {
		case other.Path == a.Path, other.Kind == "provenance":
		case a.Kind == "sbom" && (other.Kind == "sbom" || other.Kind == "page" || other.Kind == "notes"):
		default:
			found = append(found, other)
		}
	}
	return found
}

// provenance checks an in-toto Statement with SLSA Provenance
// (https://slsa.dev/spec/v1.0/provenance).
func (c *checker) provenance(a release.Artifact, data []byte) error {
	var s struct {
		Type          string `json:"_type"`
		PredicateType string `json:"predicateType"`
		Subject       []struct {
			Name   string            `json:"name"`
			Digest map[string]string `json:"digest"`
		} `json:"subject"`
		Predicate struct {
			BuildDefinition struct {
				ResolvedDependencies []struct {
					URI    string            `json:"uri"`
					Name   string            `json:"name"`
					Digest map[string]string `json:"digest"`
				} `json:"resolvedDependencies"`
			} `json:"buildDefinition"`
		} `json:"predicate"`
	}
	if err := json.Unmarshal(data, &s); err != nil {
		return err
	}
	if s.Type != "https://in-toto.io/Statement/v1" || s.PredicateType != "https://slsa.dev/provenance/v1" {
		return fmt.Errorf("got a %q with predicate %q, want SLSA provenance v1 in an in-toto Statement v1", s.Type, s.PredicateType)
	}
	digests := map[string]bool{}
	for _, sub := range s.Subject {
		digests[sub.Digest["sha256"]] = true
	}
	for _, other := range c.described(a) {
		if !digests[other.Digest.Hex()] {
			c.find(Statements, a.Path, "", "no subject is artifact %q, sha256 %s", other.Path, other.Digest.Hex())
		}
	}
	inputs := map[string]bool{}
	for _, d := range s.Predicate.BuildDefinition.ResolvedDependencies {
		inputs[d.Name] = true
		inputs[d.URI] = true
		for _, v := range d.Digest {
			inputs[v] = true
		}
	}
	for name, want := range c.pins() {
		if !slices.ContainsFunc(want, func(w string) bool { return inputs[w] }) {
			c.find(Statements, a.Path, "", "no resolved dependency is %s", name)
		}
	}
	return nil
}

// pins returns what the lock pins: a name for people → the digests by which it can be known.
func (c *checker) pins() map[string][]string {
	found := map[string][]string{}
	for _, d := range c.tree.Lock.Dependencies {
		known := []string{strings.TrimPrefix(d.Digest, "sha256:"), d.Digest}
		if d.Git != nil {
			known = append(known, d.Git.Commit)
		}
		if sum, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(d.Digest, "h1:")); err == nil {
			known = append(known, hex.EncodeToString(sum)) // in-toto's dirHash
		}
		found[fmt.Sprintf("dependency %q", d.Name)] = known
	}
	for _, i := range c.tree.Lock.Images {
		found[fmt.Sprintf("base image %q", i.Name)] = []string{i.Digest.Hex()}
	}
	for _, f := range c.tree.Lock.Files {
		found[fmt.Sprintf("file %q", f.Name)] = []string{f.Digest.Hex()}
	}
	return found
}

// sbom checks that an SBOM has every artifact by its digest, and every module of every program.
func (c *checker) sbom(a release.Artifact, data []byte) error {
	digests, components, err := sbomContent(data)
	if err != nil {
		return err
	}
	for _, other := range c.described(a) {
		if !digests[other.Digest.Hex()] {
			c.find(Statements, a.Path, "", "it lacks artifact %q, sha256 %s", other.Path, other.Digest.Hex())
		}
	}
	for _, p := range c.programs {
		for _, m := range p.info.Deps {
			if m.Replace != nil {
				m = m.Replace
			}
			if !components[[2]string{m.Path, m.Version}] {
				c.find(Statements, a.Path, "", "it lacks module %s@%s of program %q in %q", m.Path, m.Version, p.member.path, p.member.artifact.Path)
			}
		}
	}
	return nil
}

// sbomContent returns the SHA-256 digests and the names and versions in SPDX 2.3 or CycloneDX
// JSON.
func sbomContent(data []byte) (digests map[string]bool, components map[[2]string]bool, err error) {
	type component struct {
		Group      string `json:"group"`
		Name       string `json:"name"`
		Version    string `json:"version"`
		SPDX       string `json:"versionInfo"`
		Components []any  `json:"components"`
		Checksums  []struct {
			Algorithm string `json:"algorithm"`
			Value     string `json:"checksumValue"`
		} `json:"checksums"`
		Hashes []struct {
			Algorithm string `json:"alg"`
			Content   string `json:"content"`
		} `json:"hashes"`
	}
	var doc struct {
		SPDX       string      `json:"spdxVersion"`
		CycloneDX  string      `json:"bomFormat"`
		Packages   []component `json:"packages"`
		Files      []component `json:"files"`
		Components []component `json:"components"`
	}
	if err := json.Unmarshal(data, &doc); err != nil {
		return nil, nil, err
	}
	if doc.SPDX == "" && doc.CycloneDX == "" {
		return nil, nil, fmt.Errorf("it is neither SPDX nor CycloneDX")
	}
	digests, components = map[string]bool{}, map[[2]string]bool{}
	for _, x := range slices.Concat(doc.Packages, doc.Files, doc.Components) {
		name := x.Name
		if x.Group != "" {
			name = x.Group + "/" + name
		}
		components[[2]string{name, x.Version + x.SPDX}] = true
		for _, s := range x.Checksums {
			if s.Algorithm == "SHA256" {
				digests[s.Value] = true
			}
		}
		for _, h := range x.Hashes {
			if h.Algorithm == "SHA-256" {
				digests[h.Content] = true
			}
		}
	}
	return digests, components, nil
}

// notices checks that the licences of every module of every program are there.
func (c *checker) notices(a release.Artifact, data []byte) error {
	text := string(data)
	for _, p := range c.programs {
		for _, m := range append(slices.Clone(p.info.Deps), &p.info.Main) {
			if !strings.Contains(text, m.Path) {
				c.find(Statements, a.Path, "", "it lacks module %s of program %q in %q", m.Path, p.member.path, p.member.artifact.Path)
			}
		}
	}
	return nil
}
