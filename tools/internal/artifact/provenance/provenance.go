// Package provenance writes where a release comes from: an in-toto Statement v1
// (https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md) with the predicate
// SLSA Provenance v1 (https://slsa.dev/spec/v1.0/provenance). The subjects are all files and
// images of the release; the resolved dependencies are the whole lock.
//
// Nothing in it depends on the machine or the time of the build, so a rebuild gives the same
// bytes.
package provenance

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/base/jsonfile"
	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
)

// MediaType is the media type of a Statement.
const MediaType = "application/vnd.in-toto+json"

const (
	statementType = "https://in-toto.io/Statement/v1"
	predicateType = "https://slsa.dev/provenance/v1"

	// buildType and builder are described in docs/security.md.
	buildType = "https://github.com/jasonwzm/release-builder/blob/main/docs/security.md#build-type-v1"
	builder   = "https://github.com/jasonwzm/release-builder/blob/main/docs/security.md#local-builder"
)

// A Statement is the content of provenance.intoto.json.
type Statement struct {
	Type          string     `json:"_type"`
	Subject       []Resource `json:"subject"`
	PredicateType string     `json:"predicateType"`
	Predicate     predicate  `json:"predicate"`
}

// A Resource is an in-toto ResourceDescriptor
// (https://github.com/in-toto/attestation/blob/main/spec/v1/resource_descriptor.md).
type Resource struct {
	Name        string            `json:"name,omitempty"`
	URI         string            `json:"uri,omitempty"`
	Digest      map[string]string `json:"digest,omitempty"`
	MediaType   string            `json:"mediaType,omitempty"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

type predicate struct {
	BuildDefinition buildDefinition `json:"buildDefinition"`
	RunDetails      runDetails      `json:"runDetails"`
}

type buildDefinition struct {
	BuildType            string             `json:"buildType"`
	ExternalParameters   externalParameters `json:"externalParameters"`
	InternalParameters   internalParameters `json:"internalParameters"`
	ResolvedDependencies []Resource         `json:"resolvedDependencies"`
}

// externalParameters are what a person chooses.
type externalParameters struct {
	Line     string            `json:"line"`
	Manifest map[string]string `json:"manifest"` // its digest: see https://github.com/in-toto/attestation/blob/main/spec/v1/digest_set.md
	Product  string            `json:"product"`
	Version  string            `json:"version"`
}

// internalParameters are the versions of what builds.
type internalParameters struct {
	Bazel   string `json:"bazel"`
	Go      string `json:"go"`
	RulesGo string `json:"rules_go"`
	Gazelle string `json:"gazelle"`
}

type runDetails struct {
	Builder struct {
		ID string `json:"id"`
	} `json:"builder"`
}

// A Subject is a file of the release, or an image's index or manifest.
type Subject struct {
	Name      string // the path in the release; an image's platform follows after a space
	Digest    digest.Digest
	MediaType string
}

// Args say what a release consists of and what it is made from.
type Args struct {
	Line     string // the name
	Lock     *lock.Lock
	LockSum  digest.Digest // of the lock's file
	Subjects []Subject     // in any order
}

// New returns the statement. Two different subjects with one name are an error.
func New(a Args) (*Statement, error) {
	subjects, err := subjectsOf(a.Subjects)
	if err != nil {
		return nil, err
	}
	dependencies, err := resolved(a.Lock)
	if err != nil {
		return nil, err
	}
	dependencies = append(dependencies, Resource{Name: "lock.json", Digest: sha256(a.LockSum), MediaType: "application/json"})
	slices.SortFunc(dependencies, func(a, b Resource) int {
		return slices.Compare([]string{a.Name, a.URI}, []string{b.Name, b.URI})
	})
	s := &Statement{Type: statementType, Subject: subjects, PredicateType: predicateType}
	s.Predicate.RunDetails.Builder.ID = builder
	t := a.Lock.Toolchain
	s.Predicate.BuildDefinition = buildDefinition{
		BuildType:            buildType,
		ExternalParameters:   externalParameters{Line: a.Line, Manifest: sha256(a.Lock.Manifest), Product: a.Lock.Product, Version: a.Lock.Version},
		InternalParameters:   internalParameters{Bazel: t.Bazel, Go: t.Go.Version, RulesGo: t.RulesGo.Version, Gazelle: t.Gazelle.Version},
		ResolvedDependencies: dependencies,
	}
	return s, nil
}

// Marshal returns the statement's JSON.
func (s *Statement) Marshal() ([]byte, error) { return jsonfile.Marshal(s) }

// subjectsOf returns the subjects sorted by name, each once.
func subjectsOf(all []Subject) ([]Resource, error) {
	if len(all) == 0 {
		return nil, errors.New("writing provenance: there is no file")
	}
	all = slices.Clone(all)
	slices.SortFunc(all, func(a, b Subject) int { return strings.Compare(a.Name, b.Name) })
	var list []Resource
	for i, s := range all {
		if _, err := digest.Parse(string(s.Digest)); err != nil {
			return nil, fmt.Errorf("writing provenance: subject %q: %w", s.Name, err)
		}
		if i > 0 && all[i-1].Name == s.Name {
			if all[i-1] != s {
				return nil, fmt.Errorf("writing provenance: two subjects %q: %s and %s", s.Name, all[i-1].Digest, s.Digest)
			}
			continue
		}
		list = append(list, Resource{Name: s.Name, Digest: sha256(s.Digest), MediaType: s.MediaType})
	}
	return list, nil
}

func sha256(d digest.Digest) map[string]string { return map[string]string{"sha256": d.Hex()} }
