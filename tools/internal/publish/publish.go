// Package publish publishes a release. Every run ends in one of two states: nothing visible
// has changed, or all of the release is there.
//
// A [Destination] is a bucket, a registry, a set of git repositories, or a release on GitHub.
// Its plan only reads. It applies a plan in two phases: upload sends content that nobody
// finds yet; reveal moves the pointers by which people find it. A [Publisher] plans all
// destinations, stops if there is a conflict anywhere, uploads to all of them, and reads
// back. Then it writes the receipt, which says what is where, to each [Recorder]. Only then
// it moves pointers: any release that a pointer refers to has a receipt. Each run plans all
// destinations again and relies on no record of earlier runs, so it is always safe to run
// again.
package publish

import (
	"context"
	"errors"
	"slices"
	"strings"
)

// A Phase is the time at which an item is written.
type Phase string

const (
	// Upload is for content that nobody finds yet: objects at a version's own path, blobs and
	// manifests by digest, the assets of a draft.
	Upload Phase = "upload"
	// Record is for the receipt, which states that all content is there.
	Record Phase = "record"
	// Reveal is for pointers: registry tags, indexes, aliases, git refs, the
	// publication of a draft.
	Reveal Phase = "reveal"
)

// A State compares what a destination has with what it should have.
type State string

const (
	Absent   State = "absent"   // to be created
	Equal    State = "equal"    // already there
	Behind   State = "behind"   // a pointer to something older, to be moved
	Kept     State = "kept"     // an alias or a receipt that this run does not write
	Conflict State = "conflict" // differs: nothing may be changed anywhere
)

// An Item is one thing that a destination should have, and what it has now.
type Item struct {
	Phase Phase `json:"phase"`
	// Kind is object, receipt, yank, alias, image, tag, chart, chart index, package, package index,
	// public key, git tag, file, asset or release.
	Kind string `json:"kind"`
	// Name says where the item is, as people write it, and is unique in its destination:
	// gs://bucket/releases/1.2.0/lock.json, registry.example/hub/crane:1.2.0,
	// https://github.com/istio/api tag 1.2.0, https://github.com/me/tap branch main
	// Formula/x.rb 1.2.0.
	Name string `json:"name"`
	// Path is the file of the release that it is made from; empty if there is none.
	Path string `json:"path,omitempty"`
	// Digest identifies the content: "sha256:…", for git an object name, for an alias the
	// version.
	Digest string `json:"digest"`
	// Size is the maximum number of bytes that creating it sends.
	Size int64 `json:"size,omitempty"`
	// State is empty in a receipt that a [Recorder] keeps.
	State State `json:"state,omitempty"`
	// Found is what is there instead, for people: a digest, a version. It is empty if absent
	// or equal. For a kept alias it is the version, or empty if the alias does not exist.
	Found string `json:"found,omitempty"`
	// Alias is the name of an alias and Rule its rule; empty for everything else.
	Alias string `json:"alias,omitempty"`
	Rule  Rule   `json:"rule,omitempty"`
	// Leaves is the version that goes with the item: the entry of an index that is removed, or
	// the record of a yank; empty for everything else.
	Leaves string `json:"leaves,omitempty"`
	// Reason says why an alias or a receipt is kept or a conflict, or why an alias moves
	// against its rule.
	Reason string `json:"reason,omitempty"`
	// Guard is a write's precondition, so that it overwrites nothing that is newer than the
	// plan: a generation, an ETag, a digest, an object name. It is empty if nothing may
	// exist. The upload phase may turn an absent pointer into one that is behind, such as a
	// draft, but changes no guard.
	Guard string `json:"guard,omitempty"`
	// Version is the destination's name for the existing content: a generation, an ETag, a
	// digest, an asset's number. It is empty unless equal or kept.
	Version string `json:"version,omitempty"`
	// URL is where the content can be downloaded; empty if it has no URL.
	URL string `json:"url,omitempty"`
	// ContentType and CacheControl are the headers with which the content is served; empty
	// if the destination keeps none.
	ContentType  string `json:"contentType,omitempty"`
	CacheControl string `json:"cacheControl,omitempty"`
}

// Progress is what has happened since the last report.
type Progress struct {
	// Bytes is the number of bytes sent; negative if a request has to send them again.
	Bytes int64
	// Done is an item that is now as planned, or nil.
	Done *Item
}

// Report receives progress, from several goroutines at a time.
type Report func(Progress)

// A Destination is a place that releases are published to. It is safe for concurrent use. All
// its HTTP requests use the transport that it was made with.
type Destination interface {
	// Name is short and unique in a run: "gcs", "registry", "charts".
	Name() string

	// Plan compares what is there with the release. It changes nothing. The items are in the
	// order in which they are written, and the same for the same state. A conflict is an
	// item, not an error.
	Plan(ctx context.Context) ([]Item, error)

	// Apply writes items of one phase that Plan returned as absent or behind. It is
	// idempotent: an item that is equal by now is done. For one that has changed otherwise it
	// overwrites nothing and returns an error that wraps [ErrChanged]. After an error or a
	// cancelled ctx, running again finishes the work. Items of the reveal phase are written
	// in order. Only items that are one step for people, such as a tag of all images, are
	// written at the same time.
	Apply(ctx context.Context, phase Phase, items []Item, report Report) error

	// Verify checks that the items, which a receipt recorded as equal or kept, are still
	// there with the same content. An alias may have moved since by its rule. With deep it
	// reads and hashes all content; otherwise it trusts the destination's checksums. The
	// error joins one for each difference, with the item, what was found and what was wanted.
	// It does not need the release's files.
	Verify(ctx context.Context, items []Item, deep bool) error
}

// A Claimer is a destination that can decide between two releases of one version that are
// published at the same time.
type Claimer interface {
	Destination

	// Claim returns the index of the item that only one release of a version can create, and
	// without which nothing else of it is written; -1 if it is not among the items.
	Claim(items []Item) int
}

// A Keeper is a destination that has signatures, and can return them.
type Keeper interface {
	Destination

	// Signatures returns what may be the signature at the Path of i, of a version of the
	// release; nil if there is none, or if the destination never has that one. If i has a
	// Name, it is an item of a receipt, and only that is returned.
	Signatures(ctx context.Context, version string, i Item) ([][]byte, error)
}

// ErrChanged means that a destination has changed since it was planned.
var ErrChanged = errors.New("it has changed since the plan")

// JoinSorted joins errors in sorted order, so that the same state gives the same text.
func JoinSorted(errs []error) error {
	errs = slices.DeleteFunc(errs, func(err error) bool { return err == nil })
	slices.SortFunc(errs, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return errors.Join(errs...)
}
