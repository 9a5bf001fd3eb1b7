package destinations

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"golang.org/x/mod/semver"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/release"
	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/base/hint"
	"github.com/jasonwzm/release-builder/tools/internal/input/profile"
	"github.com/jasonwzm/release-builder/tools/internal/publish"
	"github.com/jasonwzm/release-builder/tools/internal/publish/bucket"
)

// FindArgs says which release to find, and where.
type FindArgs struct {
	// Profile is a profile of destinations.yaml. State replaces {state} in it.
	Profile profile.Profile
	State   string
	Line    string
	Version string
	// Receipt is the digest of the release's receipt; empty for any.
	Receipt   digest.Digest
	Transport http.RoundTripper
}

// Published is a release that was published.
type Published struct {
	Receipt *publish.Receipt
	// Tree is the release in the bucket with the receipt.
	Tree *release.Tree
}

// Line returns the name of the line that a command works on, which Bazel sets.
func Line(env func(string) string) string { return cmp.Or(env("RELEASE_LINE"), "release") }

// StateDir returns the directory that replaces {state} in a profile of a line. dir has the
// state of this machine.
func StateDir(dir, line, profile string) string { return filepath.Join(dir, line, profile) }

// Find returns a release by its receipt in one of the profile's buckets. It checks that the
// receipt and the release match, and that the receipt names only places of the profile:
// whoever can write to the bucket can write a receipt.
func Find(ctx context.Context, a FindArgs) (*Published, error) {
	if len(a.Profile.Of("buckets")) == 0 {
		err := fmt.Errorf("profile %q has no bucket and therefore no receipts", a.Profile.Name)
		return nil, hint.With(err, "give it a bucket in destinations.yaml, and publish to it")
	}
	kinds := All()
	where := kinds.replaced(kinds.Recorded(a.Profile), a.State, a.Version, nil)
	for _, b := range where.Of("buckets") {
		data, name, err := bucket.ReadReceipt(ctx, a.config(b), a.Version)
		if err != nil {
			return nil, err
		}
		if len(data) > 0 {
			return a.read(ctx, data, name, where)
		}
	}
	return nil, a.unknown(ctx, where)
}

func (a *FindArgs) config(b profile.Place) bucket.Config {
	return bucket.Config{URL: b.Text("url"), Endpoint: b.Text("endpoint"), Transport: a.Transport}
}

// read checks a receipt and opens the release.
func (a *FindArgs) read(ctx context.Context, data []byte, name string, where profile.Profile) (*Published, error) {
	sum := digest.FromBytes(data)
	if a.Receipt != "" && sum != a.Receipt {
		err := fmt.Errorf("sha256 of receipt %q: got %s, want %s", name, sum, a.Receipt)
		return nil, hint.With(err, "the receipt was replaced: check it, then pass its digest")
	}
	r, err := publish.ParseReceipt(name, data)
	if err != nil {
		return nil, err
	}
	if r.Line != a.Line || r.Version != a.Version {
		return nil, fmt.Errorf("receipt %q: got version %q of line %q, want %q of %q", name, r.Version, r.Line, a.Version, a.Line)
	}
	if err := within(r, name, where); err != nil {
		return nil, hint.With(err, "publish the release to profile %q again, with the current destinations.yaml", a.Profile.Name)
	}
	for _, b := range r.Profile.Of("buckets") {
		other, otherName, err := bucket.ReadReceipt(ctx, a.config(b), a.Version)
		if err != nil {
			return nil, err
		}
		got := digest.FromBytes(other)
		if len(other) == 0 {
			got = "none"
		}
		if got != sum {
			err := fmt.Errorf("sha256 of receipt %q: got %s, want %s of %q", otherName, got, sum, name)
			return nil, hint.With(err, "publish the release to profile %q again: it resumes where the last run stopped", a.Profile.Name)
		}
	}
	source, err := Source(ctx, r, a.Transport)
	if err != nil {
		return nil, err
	}
	tree, err := release.Open(ctx, source)
	if err != nil {
		return nil, err
	}
	return &Published{r, tree}, agree(r, tree, name)
}

// agree checks that a receipt matches a release, and that its tags are in the release's
// sources.
func agree(r *publish.Receipt, tree *release.Tree, name string) error {
	tags := r.Profile.Of("tags")
	sums, _ := tree.Find(release.Checksums)
	switch {
	case sums.Digest != r.Checksums:
		return fmt.Errorf("sha256 of %s: got %s, want %s of receipt %q", release.Checksums, sums.Digest, r.Checksums, name)
	case tree.Digest != r.Lock || tree.Version != r.Version:
		return fmt.Errorf("sha256 of %s: got %s of version %q, want %s of %q in receipt %q", release.LockFile, tree.Digest, tree.Version, r.Lock, r.Version, name)
	case !slices.EqualFunc(tree.Files, r.Files, func(a, b release.File) bool { return a.Path == b.Path && a.Digest == b.Digest }):
		return fmt.Errorf("receipt %q: its files differ from those in %s", name, release.Checksums)
	case len(tags) == 0 || tags[0].Text("owner") != "":
		return nil
	}
	known := map[string]bool{}
	for _, d := range tree.Lock.Dependencies {
		if d.Git != nil {
			known[strings.NewReplacer("{url}", d.Git.URL, "{name}", d.Name).Replace(cmp.Or(tags[0].Text("url"), "{url}"))] = true
		}
	}
	for _, d := range r.Destinations {
		for _, i := range d.Items {
			if url, _, ok := strings.Cut(i.Name, " tag "); d.Name == "tags" && (!ok || !known[url]) {
				return fmt.Errorf("receipt %q: git tag %q is not in a repository that the release was built from", name, i.Name)
			}
		}
	}
	return nil
}

// within checks that all places of the named receipt are in a profile.
func within(r *publish.Receipt, name string, where profile.Profile) error {
	kinds := All()
	schema := kinds.Schema()
	var errs []error
	for _, got := range kinds.Recorded(r.Profile).Places {
		kind := schema.Find(got.Key)
		if kind != nil && slices.ContainsFunc(where.Places, func(p profile.Place) bool { return at(kind, p, got) }) {
			continue
		}
		what := got.Key // nothing is recorded but that the profile has it
		if len(got.Values) > 0 {
			what = fmt.Sprintf("%s %q", kinds.noun(got.Key), got.Values[0].Value)
		}
		errs = append(errs, fmt.Errorf("receipt %q: profile %q has no %s", name, where.Name, what))
	}
	return errors.Join(errs...)
}

// noun returns the words for the places of a key.
func (k Kinds) noun(key string) string {
	for _, kind := range k {
		if kind.Key == key {
			return kind.Noun
		}
	}
	return key
}

// at reports whether a receipt's place is the place p of a profile, which may omit what
// follows from the release.
func at(kind *profile.Kind, p, got profile.Place) bool {
	got.Values = slices.DeleteFunc(slices.Clone(got.Values), func(v profile.Value) bool {
		f := kind.Field(v.Key)
		return f != nil && f.Default != nil && p.Text(v.Key) == ""
	})
	return p.Key == got.Key && slices.EqualFunc(p.Values, got.Values, func(a, b profile.Value) bool { return reflect.DeepEqual(a, b) })
}

// shown is the number of versions that an error lists.
const shown = 10

// unknown returns the error for a version without a receipt in any bucket.
func (a *FindArgs) unknown(ctx context.Context, where profile.Profile) error {
	var versions []string
	for _, b := range where.Of("buckets") {
		some, err := bucket.Versions(ctx, a.config(b))
		if err != nil {
			return err
		}
		versions = append(versions, some...)
	}
	slices.SortFunc(versions, func(a, b string) int { return cmp.Or(semver.Compare("v"+b, "v"+a), strings.Compare(b, a)) })
	versions = slices.Compact(versions)
	has := "it has no receipts"
	switch n := len(versions); {
	case n > shown:
		has = fmt.Sprintf("it has %s and %d others", strings.Join(versions[:shown], ", "), n-shown)
	case n > 0:
		has = "it has " + strings.Join(versions, ", ")
	}
	err := fmt.Errorf("finding version %q on profile %q: %s", a.Version, a.Profile.Name, has)
	return hint.With(err, "%s", a.publishFirst())
}

func (a *FindArgs) publishFirst() string {
	hint := "publish it there first"
	if a.Profile.Name == profile.Stage {
		hint = "publish it with --stage first"
	}
	for _, b := range a.Profile.Of("buckets") {
		if strings.Contains(b.Text("url"), "{state}") {
			return hint + ", on this machine: {state} is a local directory"
		}
	}
	return hint
}

// Source returns the release in the bucket of a receipt.
func Source(ctx context.Context, r *publish.Receipt, web http.RoundTripper) (release.Source, error) {
	for _, b := range r.Profile.Of("buckets") {
		return bucket.NewSource(ctx, bucket.Config{URL: b.Text("url"), Endpoint: b.Text("endpoint"), Transport: web}, r.Version)
	}
	err := errors.New("the receipt has no bucket, so there is no copy of the release's files")
	return nil, hint.With(err, "give the stage a bucket, publish to it, and promote that receipt")
}
