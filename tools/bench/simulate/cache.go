package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
)

// A timing is when a program ran, and what it made.
type timing struct {
	start, end time.Time
	sizes      map[string]int64 // bytes by output path
}

func (t timing) wall() time.Duration { return t.end.Sub(t.start) }

// bytes returns the size of all outputs.
func (t timing) bytes() int64 {
	total := int64(0)
	for _, n := range t.sizes {
		total += n
	}
	return total
}

// timings are the results of Bazel's disk caches: by the path of an output, all actions that made it.
type timings map[string][]timing

// readCache adds the results of a disk cache: its files ac/*/* are ActionResult messages of
// https://github.com/bazelbuild/remote-apis/blob/main/build/bazel/remote/execution/v2/remote_execution.proto.
func (t timings) readCache(dir string) error {
	found := false
	err := filepath.WalkDir(filepath.Join(dir, "ac"), func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		r, err := parseResult(data, dir)
		if err != nil {
			return fmt.Errorf("reading %q: %w", name, err)
		}
		found = true
		if r.end.After(r.start) {
			for path := range r.sizes {
				t[path] = append(t[path], r)
			}
		}
		return nil
	})
	if err == nil && !found {
		err = fmt.Errorf("the disk cache %q has no result of an action", dir)
	}
	return err
}

// The numbers of the fields that are read.
const (
	resultFiles       = 2 // OutputFile: path 1, digest 2
	resultDirectories = 3 // OutputDirectory: path 1, digest of a Tree 3
	resultMetadata    = 9 // ExecutedActionMetadata
	executionStart    = 7
	executionEnd      = 8
)

// A field is a field of a message: a number, or bytes.
type field struct {
	number int
	value  uint64
	bytes  []byte
}

// fields returns the fields of a message.
func fields(data []byte) ([]field, error) {
	var all []field
	for len(data) > 0 {
		number, kind, n := protowire.ConsumeTag(data)
		if n < 0 {
			return nil, protowire.ParseError(n)
		}
		data = data[n:]
		f := field{number: int(number)}
		switch kind {
		case protowire.VarintType:
			f.value, n = protowire.ConsumeVarint(data)
		case protowire.BytesType:
			f.bytes, n = protowire.ConsumeBytes(data)
		default:
			n = protowire.ConsumeFieldValue(number, kind, data)
		}
		if n < 0 {
			return nil, protowire.ParseError(n)
		}
		data = data[n:]
		all = append(all, f)
	}
	return all, nil
}

// get returns the last field with a number, or an empty one.
func get(all []field, number int) field {
	var found field
	for _, f := range all {
		if f.number == number {
			found = f
		}
	}
	return found
}

func parseResult(data []byte, cache string) (timing, error) {
	r := timing{sizes: map[string]int64{}}
	all, err := fields(data)
	if err != nil {
		return r, err
	}
	for _, f := range all {
		switch f.number {
		case resultFiles:
			path, _, size, err := output(f.bytes, 2)
			if err != nil {
				return r, err
			}
			r.sizes[path] = size
		case resultDirectories:
			path, hash, _, err := output(f.bytes, 3)
			if err != nil {
				return r, err
			}
			if r.sizes[path], err = treeSize(cache, hash); err != nil {
				return r, err
			}
		case resultMetadata:
			metadata, err := fields(f.bytes)
			if err != nil {
				return r, err
			}
			start, startErr := timestamp(get(metadata, executionStart).bytes)
			end, endErr := timestamp(get(metadata, executionEnd).bytes)
			if err := errors.Join(startErr, endErr); err != nil {
				return r, err
			}
			r.start, r.end = start, end
		}
	}
	return r, nil
}

// output reads a message with a path, and a digest in the numbered field.
func output(data []byte, digest int) (path, hash string, size int64, err error) {
	all, err := fields(data)
	if err != nil {
		return "", "", 0, err
	}
	of, err := fields(get(all, digest).bytes)
	return string(get(all, 1).bytes), string(get(of, 1).bytes), int64(get(of, 2).value), err
}

func timestamp(data []byte) (time.Time, error) {
	all, err := fields(data)
	return time.Unix(int64(get(all, 1).value), int64(get(all, 2).value)), err
}

// treeSize returns the size of all files of a Tree, which is in the cache, or 0 if it is not.
func treeSize(cache, hash string) (int64, error) {
	if len(hash) < 2 {
		return 0, fmt.Errorf("a directory has the digest %q", hash)
	}
	data, err := os.ReadFile(filepath.Join(cache, "cas", hash[:2], hash))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	tree, err := fields(data) // Directory: root 1, children 2
	if err != nil {
		return 0, err
	}
	total := int64(0)
	for _, d := range tree {
		nodes, err := fields(d.bytes)
		if err != nil {
			return 0, err
		}
		for _, n := range nodes {
			if n.number != 1 { // FileNode: name 1, digest 2
				continue
			}
			_, _, size, err := output(n.bytes, 2)
			if err != nil {
				return 0, err
			}
			total += size
		}
	}
	return total, nil
}
