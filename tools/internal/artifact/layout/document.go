package layout

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// A Document is an index or a manifest: it has the fields of both
// (https://github.com/opencontainers/image-spec/blob/v1.1.1/manifest.md and
// image-index.md).
type Document struct {
	SchemaVersion int64             `json:"schemaVersion"`
	MediaType     types.MediaType   `json:"mediaType"`
	ArtifactType  string            `json:"artifactType"`
	Manifests     []v1.Descriptor   `json:"manifests"`
	Config        *v1.Descriptor    `json:"config"`
	Layers        []v1.Descriptor   `json:"layers"`
	Subject       *v1.Descriptor    `json:"subject"`
	Annotations   map[string]string `json:"annotations"`
}

// Parse parses an index or a manifest of any media type. It accepts unknown fields, as
// the specification requires, but nothing after the document. All digests in the result
// are hexadecimal, so that they are safe in file names.
func Parse(raw []byte) (*Document, error) {
	var lists struct {
		Manifests json.RawMessage `json:"manifests"`
		Layers    json.RawMessage `json:"layers"`
	}
	if err := json.Unmarshal(raw, &lists); err != nil {
		return nil, err
	}
	if err := errors.Join(LimitElements(lists.Manifests, MaxDescriptors), LimitElements(lists.Layers, MaxDescriptors)); err != nil {
		return nil, err
	}
	d := new(Document)
	return d, json.Unmarshal(raw, d)
}

// LimitElements returns an error if a JSON array has more elements than limit. It does not
// keep them, because two bytes can become a large struct. Other values are accepted.
func LimitElements(raw json.RawMessage, limit int) error {
	d := json.NewDecoder(bytes.NewReader(raw))
	if t, err := d.Token(); err != nil || t != json.Delim('[') {
		return nil // the parser reports what is wrong
	}
	for n := 0; d.More(); n++ {
		if n == limit {
			return fmt.Errorf("array has more than %d elements", limit)
		}
		var skip json.RawMessage
		if err := d.Decode(&skip); err != nil {
			return nil
		}
	}
	return nil
}
