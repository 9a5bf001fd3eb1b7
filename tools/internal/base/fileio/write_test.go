package fileio

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// only fails the test if dir holds anything but the named files.
func only(t *testing.T, dir string, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if !slices.Equal(got, want) {
		t.Errorf("files: got %q, want %q", got, want)
	}
}

func content(t *testing.T, name, want string) {
	t.Helper()
	got, err := os.ReadFile(name)
	if err != nil || string(got) != want {
		t.Errorf("%s: got %q, %v, want %q", filepath.Base(name), got, err, want)
	}
}

func TestWriteFile(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "a.json")
	for _, tt := range []struct {
		data string
		mode fs.FileMode
	}{{"old", 0o644}, {"", 0o600}, {"new", 0o755}} {
		if err := WriteFile(name, []byte(tt.data), tt.mode); err != nil {
			t.Fatal(err)
		}
		content(t, name, tt.data)
		if info, err := os.Stat(name); err != nil || info.Mode() != tt.mode {
			t.Errorf("mode: got %v, %v, want %v", info.Mode(), err, tt.mode)
		}
		only(t, dir, "a.json")
	}
}

func TestWriteFileReplaces(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "a.json")
	if err := WriteFile(name, []byte("old"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(name, filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	reader, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	if err := WriteFile(name, []byte("new content"), 0o644); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(reader); err != nil || string(got) != "old" {
		t.Errorf("a reader that had opened the old file: got %q, %v, want %q", got, err, "old")
	}
	content(t, filepath.Join(dir, "link"), "old")
	content(t, name, "new content")
}

func TestWriteFileErrors(t *testing.T) {
	dir := t.TempDir()
	full := filepath.Join(dir, "directory")
	if err := os.MkdirAll(filepath.Join(full, "sub"), 0o755); err != nil {
		t.Fatal(err)
	}
	err := WriteFile(full, []byte("new"), 0o644)
	if err == nil || !strings.HasPrefix(err.Error(), `writing "`+full+`": `) {
		t.Errorf("onto a directory: got %v, want an error that names it", err)
	}
	only(t, dir, "directory")
	only(t, full, "sub")

	missing := filepath.Join(dir, "missing", "a.json")
	if err := WriteFile(missing, []byte("new"), 0o644); err == nil || !strings.Contains(err.Error(), missing[:len(missing)-len("a.json")]) {
		t.Errorf("into a missing directory: got %v, want an error that names it", err)
	}
	only(t, dir, "directory")
}

// TestWriteFileConcurrent has readers look at a file while others replace it:
// they see one whole version or another.
func TestWriteFileConcurrent(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "a")
	version := func(i int) []byte { return bytes.Repeat([]byte{byte('a' + i)}, 100_000) }
	if err := WriteFile(name, version(0), 0o644); err != nil {
		t.Fatal(err)
	}
	errs := make(chan error, 100)
	var writers, readers sync.WaitGroup
	for i := range 4 {
		writers.Go(func() {
			for range 5 {
				if err := WriteFile(name, version(i), 0o644); err != nil {
					errs <- err
				}
			}
		})
	}
	stop := make(chan struct{})
	readers.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			data, err := os.ReadFile(name)
			if err != nil || len(data) != 100_000 || bytes.Count(data, data[:1]) != len(data) {
				errs <- fmt.Errorf("a reader got %d bytes that are no version, %v", len(data), err)
				return
			}
		}
	})
	writers.Wait()
	close(stop)
	readers.Wait()
	close(errs)
	for err := range errs {
		t.Error(err)
	}
	only(t, dir, "a")
}

func TestReplaceWithSum(t *testing.T) {
	dir := t.TempDir()
	name, sum := filepath.Join(dir, "a.tgz"), filepath.Join(dir, "a.tgz.sha256")
	text := func(w io.Writer) error {
		_, err := io.WriteString(w, "abc")
		return err
	}
	if err := ReplaceWithSum(t.Context(), name, sum, text); err != nil {
		t.Fatal(err)
	}
	const want = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  a.tgz\n"
	if got, err := os.ReadFile(sum); err != nil || string(got) != want {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	for _, tt := range []struct {
		ctx             context.Context
		name, sum, want string
	}{
		{t.Context(), filepath.Join(dir, "b"), filepath.Join(dir, "none", "b.sha256"), "no such file"},
		{t.Context(), filepath.Join(dir, "b"), dir + "/./b", "the file and its checksum are both"},
		{t.Context(), filepath.Join(dir, "b\\c"), sum, `name "b\\c" cannot be written in a checksum file`},
		{cancelled, filepath.Join(dir, "b"), filepath.Join(dir, "b.sha256"), "context canceled"},
	} {
		if err := ReplaceWithSum(tt.ctx, tt.name, tt.sum, text); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("got %v, want %q", err, tt.want)
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 2 {
		t.Errorf("got %v, %v, want the first two files", left, err)
	}
}
