package main

import (
	"fmt"

	"github.com/jasonwzm/release-builder/tools/internal/base/jsonfile"
)

// imageKind is the kind of an artifact that is an OCI image layout.
const imageKind = "image"

// An entry is an artifact. Its fields are described in release.Artifact.
type entry struct {
	Path      string    `json:"path"`
	Source    string    `json:"source"`
	Kind      string    `json:"kind"`
	Platform  string    `json:"platform"`
	MediaType string    `json:"mediaType"`
	Subject   string    `json:"subject"`
	Contents  []content `json:"contents"`
}

// A content is a program in an artifact.
type content struct {
	Path     string `json:"path"`
	Source   string `json:"source"`
	Platform string `json:"platform"`
}

// readEntries reads the list of artifacts.
func readEntries(name string) ([]entry, error) {
	var all []entry
	if err := jsonfile.Read(name, &all); err != nil {
		return nil, fmt.Errorf("reading entries: %w", err)
	}
	return all, nil
}
