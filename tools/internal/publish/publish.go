// Package publish brings a release to where people find it. Every run ends in one
// of two states: nothing visible has changed, or all of it is there.
//
// A [Destination] is a bucket, a registry, a set of git repositories, or a release
// on GitHub. It plans, which only reads, and applies what was planned in two
// phases: upload sends content that nobody looks at yet; reveal moves the
// pointers by which people find it. A [Publisher] plans all destinations, stops if
// there is a conflict anywhere, uploads to all of them, and reads back. Then each
// [Recorder] gets the receipt, which says what is where, and only then pointers
// move: where one points to a release, its receipt is there. What the destinations
// have is the truth: each run asks them anew, so running again is always right.
package publish

import (
	"context"
	"errors"
	"slices"
	"strings"
)

// A Phase is when an item is written.
type Phase string

const (
	// Upload is for content that nobody finds yet: objects at a version's own
	// path, blobs and manifests by digest, the assets of a draft.
	Upload Phase = "upload"
	// Record is for the receipt, which says that all content is there.
	Record Phase = "record"
	// Reveal is for pointers: registry tags, a chart index, aliases, git refs,
	// the end of a draft.
	Reveal Phase = "reveal"
)

// A State is what a destination has, compared with what it is to have.
type State string

const (
	Absent   State = "absent"   // is to be created
	Equal    State = "equal"    // is there already
	Behind   State = "behind"   // a pointer to something older, which is to be moved
	Kept     State = "kept"     // an alias or a receipt that is left as it is, or left out
	Conflict State = "conflict" // is there and differs: nothing may be changed anywhere
)

// An Item is one thing that a destination is to have, and what it has now.
type Item struct {
	Phase Phase `json:"phase"`
	// Kind is object, receipt, alias, image, tag, chart, chart index, git tag, asset or release.
	Kind string `json:"kind"`
	// Name is where the item is, as a person would write it, and the only one of
	// that name in its destination: gs://bucket/releases/1.2.0/lock.json,
	// registry.example/hub/crane:1.2.0, https://github.com/istio/api tag 1.2.0.
	Name string `json:"name"`
	// Path is the release's file that it is made from; empty if it is from none.
	Path string `json:"path,omitempty"`
	// Digest names the content that is to be there: "sha256:…", for git an object
	// name, for an alias the version that it names.
	Digest string `json:"digest"`
	// Size is how many bytes creating it sends at most.
	Size int64 `json:"size,omitempty"`
	// State is empty in a receipt that a [Recorder] keeps.
	State State `json:"state,omitempty"`
	// Found is what is there instead, for people: a digest, a version. Empty if
	// absent or equal. Of an alias that is kept it is the version, or empty if the
	// alias is not there.
	Found string `json:"found,omitempty"`
	// Alias is the name of an alias, and Rule what it follows; empty for all else.
	Alias string `json:"alias,omitempty"`
	Rule  Rule   `json:"rule,omitempty"`
	// Reason says why an alias or a receipt is kept, is a conflict, or moves although
	// its rule does not say so.
	Reason string `json:"reason,omitempty"`
	// Guard is what a write demands of what is there, so that nothing which came
	// since the plan is overwritten: a generation, an ETag, a digest, an object
	// name. Empty where there has to be nothing. The upload phase may make an absent
	// pointer one that is behind, as a draft is, but changes no guard.
	Guard string `json:"guard,omitempty"`
	// Version is what the destination calls the content that is there: a
	// generation, an ETag, a digest, an asset's number. Empty unless equal or kept.
	Version string `json:"version,omitempty"`
	// URL is where the content can be had; empty if it has no URL.
	URL string `json:"url,omitempty"`
}

// Progress is what has happened since the last one.
type Progress struct {
	// Bytes were sent; negative if a request has to send them again.
	Bytes int64
	// Done is an item that is now as planned, or nil.
	Done *Item
}

// Report takes progress, from several goroutines at a time.
type Report func(Progress)

// A Destination is a place that releases are published to. It is safe for
// concurrent use, and all its HTTP requests go through the transport that it was
// made with.
type Destination interface {
	// Name is short and the only one in a run: "gcs", "registry", "charts".
	Name() string

	// Plan compares what is there with the release. It changes nothing, however
	// harmless. The items are in the order in which they are to be written, and
	// the same for the same state. A conflict is an item, not an error.
	Plan(ctx context.Context) ([]Item, error)

	// Apply writes the items, which Plan returned, are of one phase and are
	// absent or behind. It is idempotent: an item that has become equal meanwhile
	// is done. One that has changed otherwise is an error that wraps [ErrChanged]
	// and overwrites nothing. After an error or a cancelled ctx, running again
	// finishes the work. Items of the reveal phase are written in their order;
	// only what is one step to people, as a tag of all images, at the same time.
	Apply(ctx context.Context, phase Phase, items []Item, report Report) error

	// Verify checks that the items, which a receipt recorded as equal or kept, are
	// there still, with the same content. An alias may have moved on since, as its
	// rule says. Deep reads all the content again and hashes
	// it; otherwise the checksums that the destination keeps will do. The error
	// joins one for each difference, naming the item, what was found and what was
	// wanted. It does not need the release's files.
	Verify(ctx context.Context, items []Item, deep bool) error
}

// ErrChanged says that a destination has changed since it was planned.
var ErrChanged = errors.New("it has changed since the plan")

// JoinSorted joins errors in an order of their own, so that the same state gives the
// same text.
func JoinSorted(errs []error) error {
	errs = slices.DeleteFunc(errs, func(err error) bool { return err == nil })
	slices.SortFunc(errs, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return errors.Join(errs...)
}
