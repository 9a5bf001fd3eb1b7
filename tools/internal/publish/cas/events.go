package cas

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"path"
	"strconv"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/base/hint"
)

// releaseDir is the directory that //release:all makes, below the directory of outputs.
const releaseDir = "release/all/"

// maxEvents limits the file of build events, in bytes. Those of a release have a few MB.
const maxEvents = 1 << 30

// A blob is a file of the release, as the build events name it.
type blob struct {
	digest digest.Digest
	size   int64
	// host and resource say where it is in a cache: HOST[:PORT], and [INSTANCE/]blobs/HASH/SIZE.
	// They are empty for a file on this machine.
	host, resource string
	file           string // the name of a file on this machine
}

// event has what is read of a BuildEvent:
// https://github.com/bazelbuild/bazel/blob/7.7.1/src/main/java/com/google/devtools/build/lib/buildeventstream/proto/build_event_stream.proto
type event struct {
	NamedSetOfFiles struct {
		Files []eventFile `json:"files"`
	} `json:"namedSetOfFiles"`
	Finished *struct {
		OverallSuccess bool `json:"overallSuccess"`
		ExitCode       struct {
			Name string `json:"name"`
		} `json:"exitCode"`
	} `json:"finished"`
	LastMessage bool `json:"lastMessage"`
}

type eventFile struct {
	Name   string `json:"name"`
	URI    string `json:"uri"`
	Digest string `json:"digest"`
	Length string `json:"length"` // in bytes
}

// parseEvents returns the blobs of the release that a build made, by path in the release.
func parseEvents(r io.Reader) (map[string]blob, error) {
	blobs, whole := map[string]blob{}, false
	limited := &io.LimitedReader{R: r, N: maxEvents}
	for d := json.NewDecoder(limited); ; {
		var e event
		if err := d.Decode(&e); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, hint.With(fmt.Errorf("byte %d: %w", d.InputOffset(), err), "want what bazel build --build_event_json_file writes, after the build has ended")
		}
		if e.Finished != nil && !e.Finished.OverallSuccess {
			return nil, hint.With(fmt.Errorf("the build failed: %s", e.Finished.ExitCode.Name), "build the release again")
		}
		whole = whole || e.LastMessage
		for _, f := range e.NamedSetOfFiles.Files {
			if err := addFile(blobs, f); err != nil {
				return nil, fmt.Errorf("file %q: %w", f.Name, err)
			}
		}
	}
	switch {
	case !whole:
		return nil, hint.With(errors.New("got no event with lastMessage: the events are not whole"), "wait for the end of the build, or build again")
	case len(blobs) == 0:
		return nil, hint.With(fmt.Errorf("got no file below %s", releaseDir), "build the release: tools/bazel build //release:all --build_event_json_file=FILE")
	}
	return blobs, nil
}

// addFile adds a file, if it is one of the release.
func addFile(blobs map[string]blob, f eventFile) error {
	name, ok := strings.CutPrefix(f.Name, releaseDir)
	if !ok {
		return nil
	}
	if name == "" || path.Clean("/" + name)[1:] != name {
		return errors.New("want a path below the release")
	}
	b, err := newBlob(f)
	if err != nil {
		return err
	}
	if old, ok := blobs[name]; ok && old != b {
		return fmt.Errorf("the events have it twice: %s and %s", old.digest, b.digest)
	}
	blobs[name] = b
	return nil
}

func newBlob(f eventFile) (blob, error) {
	var b blob
	u, err := url.Parse(f.URI)
	if err != nil {
		return b, err
	}
	switch u.Scheme {
	case "file":
		b.file = u.Path
	case "bytestream":
		b.host, b.resource = u.Host, strings.TrimPrefix(u.Path, "/")
	default:
		return b, hint.With(fmt.Errorf("got URI %q, want bytestream:// or file://", f.URI), "the cache has to be one of grpc:// or grpcs://")
	}
	if b.digest, err = digest.Parse("sha256:" + f.Digest); err != nil {
		return b, hint.With(fmt.Errorf("digest: %w", err), "Bazel has to use SHA-256: --digest_function=SHA256")
	}
	if f.Length != "" { // of an empty file there is none
		if b.size, err = strconv.ParseInt(f.Length, 10, 64); err != nil || b.size < 0 {
			return b, fmt.Errorf("length: got %q, want a number of bytes", f.Length)
		}
	}
	want := fmt.Sprintf("blobs/%s/%d", b.digest.Hex(), b.size)
	if b.file == "" && (b.host == "" || !strings.HasSuffix("/"+b.resource, "/"+want)) {
		return b, fmt.Errorf("got URI %q, want a host, and %s at the end, by its digest and length", f.URI, want)
	}
	return b, nil
}

// instance returns the instance in a resource's name, or "".
func (b *blob) instance() string {
	before, _, _ := strings.Cut("/"+b.resource, "/blobs/")
	return strings.TrimPrefix(before, "/")
}
