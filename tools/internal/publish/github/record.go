package github

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
)

// A record is a release with those fields of GitHub's API that a publisher sets
// (https://docs.github.com/en/rest/releases/releases#get-a-release).
type record struct {
	Tag        string `json:"tag_name"`
	Title      string `json:"name"`
	Notes      string `json:"body"`
	Draft      bool   `json:"draft"`
	Prerelease bool   `json:"prerelease"`
	// Commit is the commit that is tagged, or will be.
	Commit string `json:"target_commitish"`
	// Created is the time of that commit.
	Created time.Time     `json:"created_at,omitzero"`
	Assets  []recordAsset `json:"assets"` // sorted by name
}

type recordAsset struct {
	Name        string        `json:"name"`
	Size        int64         `json:"size"`
	Digest      digest.Digest `json:"digest"`
	ContentType string        `json:"content_type"`
}

// record returns the wanted release.
func (c *Config) record(assets []assetFile) record {
	r := record{Tag: c.Tag, Title: c.Title, Notes: c.Notes, Prerelease: c.Prerelease, Commit: c.Commit}
	for _, a := range assets {
		r.Assets = append(r.Assets, a.record())
	}
	return r
}

func (a *assetFile) record() recordAsset {
	return recordAsset{a.name, a.Size, a.Digest, mediaType(a.name)}
}

// sum returns the digest of everything that people see of a release. It is the digest of its
// item.
func (r *record) sum() digest.Digest {
	var b strings.Builder
	fmt.Fprintf(&b, "tag %q\ntitle %q\nnotes %q\nprerelease %v\ncommit %q\n", r.Tag, seen(r.Title), seen(r.Notes), r.Prerelease, r.Commit)
	for _, a := range r.Assets {
		fmt.Fprintf(&b, "asset %q %d %s %q\n", a.Name, a.Size, a.Digest, a.ContentType)
	}
	return digest.FromBytes([]byte(b.String()))
}

// seen normalizes a text: GitHub's pages end lines with CR LF, and space around a text is
// invisible.
func seen(s string) string { return strings.TrimSpace(strings.ReplaceAll(s, "\r\n", "\n")) }

// other describes for people how a published release differs from want, without its assets.
func (r *record) other(want *record) string {
	var all []string
	if seen(r.Title) != seen(want.Title) {
		all = append(all, fmt.Sprintf("title %q", r.Title))
	}
	if seen(r.Notes) != seen(want.Notes) {
		all = append(all, "other notes")
	}
	if r.Prerelease != want.Prerelease {
		all = append(all, fmt.Sprintf("prerelease %v", r.Prerelease))
	}
	if r.Commit != want.Commit {
		all = append(all, fmt.Sprintf("commit %q", r.Commit))
	}
	return strings.Join(all, ", ")
}

// verify compares a published release with the digest of its item. The digest does not say
// which field differs, so the error shows all of them.
func (r *record) verify(want string) error {
	got := r.sum()
	if string(got) == want {
		return nil
	}
	return fmt.Errorf("sha256 of title, notes, prerelease, commit and the list of assets: got %s, want %s; it has title %q, %d characters of notes, prerelease %v, commit %q, %d assets",
		got, want, r.Title, utf8.RuneCountInString(seen(r.Notes)), r.Prerelease, r.Commit, len(r.Assets))
}
