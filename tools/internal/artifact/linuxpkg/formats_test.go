package linuxpkg

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/sha1"
	"crypto/sha256"
	"fmt"
	"io"
	"strconv"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/jasonwzm/release-builder/tools/internal/testing/archivetest"
)

// dump lists what a package consists of, and shows what is not installed.
func dump(t *testing.T, f Format, data []byte) string {
	t.Helper()
	var out strings.Builder
	switch f {
	case Deb:
		for _, m := range arMembers(t, data) {
			fmt.Fprintf(&out, "%s\n", m.name)
			content := m.content
			if strings.HasSuffix(m.name, ".zst") {
				content = unzstd(t, content)
			}
			if strings.Contains(m.name, ".tar") {
				out.WriteString(list(t, content))
			}
			if strings.HasPrefix(m.name, "control") {
				out.WriteString(texts(t, gunzip(t, content), func(string) bool { return true }))
			}
		}
	case APK:
		segments := gzipMembers(t, data)
		if len(segments) != 2 {
			t.Fatalf("got %d segments, want 2: control and data", len(segments))
		}
		plain := gunzip(t, data)
		out.WriteString(list(t, plain) + texts(t, plain, func(name string) bool { return strings.HasPrefix(name, ".") }))
	case ArchLinux:
		plain := unzstd(t, data)
		out.WriteString(list(t, plain) + texts(t, plain, func(name string) bool { return strings.HasPrefix(name, ".") }))
	case RPM:
		// rpm itself lists it: see readers_test.go.
	}
	return strings.TrimSuffix(out.String(), "\n")
}

func list(t *testing.T, data []byte) string {
	t.Helper()
	lines, err := archivetest.List(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(lines, "\n") + "\n"
}

// texts returns the content of some files of a tar.
func texts(t *testing.T, data []byte, want func(string) bool) string {
	t.Helper()
	var out strings.Builder
	for tr := tar.NewReader(bytes.NewReader(data)); ; {
		h, err := tr.Next()
		if err == io.EOF {
			return out.String()
		}
		if err != nil {
			t.Fatal(err)
		}
		if h.Typeflag != tar.TypeReg || !want(h.Name) {
			continue
		}
		content, err := io.ReadAll(tr)
		if err != nil {
			t.Fatal(err)
		}
		if h.Name == ".MTREE" {
			content = gunzip(t, content)
		}
		fmt.Fprintf(&out, "-- %s --\n%s", h.Name, content)
	}
}

type member struct {
	name    string
	content []byte
}

// arMembers parses an ar archive, as deb(5) describes it.
func arMembers(t *testing.T, data []byte) []member {
	t.Helper()
	rest, ok := bytes.CutPrefix(data, []byte("!<arch>\n"))
	if !ok {
		t.Fatal("not an ar archive")
	}
	var members []member
	for len(rest) > 0 {
		size, err := strconv.Atoi(strings.TrimSpace(string(rest[48:58])))
		if err != nil {
			t.Fatal(err)
		}
		members = append(members, member{strings.TrimRight(string(rest[:16]), " /"), rest[60 : 60+size]})
		rest = rest[min(len(rest), 60+size+size%2):]
	}
	return members
}

func unzstd(t *testing.T, data []byte) []byte {
	t.Helper()
	z, err := zstd.NewReader(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	plain, err := z.DecodeAll(data, nil)
	if err != nil {
		t.Fatal(err)
	}
	return plain
}

func gunzip(t *testing.T, data []byte) []byte {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	plain, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return plain
}

// gzipMembers splits a sequence of gzip members.
func gzipMembers(t *testing.T, data []byte) [][]byte {
	t.Helper()
	var members [][]byte
	r := bufio.NewReaderSize(bytes.NewReader(data), len(data)+1)
	r.Peek(len(data))
	for r.Buffered() > 0 {
		start := len(data) - r.Buffered()
		z, err := gzip.NewReader(r)
		if err != nil {
			t.Fatal(err)
		}
		z.Multistream(false)
		if _, err := io.Copy(io.Discard, z); err != nil {
			t.Fatal(err)
		}
		members = append(members, data[start:len(data)-r.Buffered()])
	}
	return members
}

// TestAPK checks the digests with which apk verifies a package: that of the data, and that
// of each file.
func TestAPK(t *testing.T) {
	data := write(t, sample(t, APK, t.TempDir()))
	segments := gzipMembers(t, data)
	info := texts(t, append(gunzip(t, segments[0]), make([]byte, 1024)...), func(name string) bool { return name == ".PKGINFO" })
	if want := fmt.Sprintf("datahash = %x\n", sha256.Sum256(segments[1])); !strings.Contains(info, want) {
		t.Errorf("got:\n%s\nwant: %s", info, want)
	}
	files := 0
	for tr := tar.NewReader(bytes.NewReader(gunzip(t, segments[1]))); ; {
		h, err := tr.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if h.Typeflag != tar.TypeReg {
			continue
		}
		content, _ := io.ReadAll(tr)
		if got, want := h.PAXRecords["APK-TOOLS.checksum.SHA1"], fmt.Sprintf("%x", sha1.Sum(content)); got != want {
			t.Errorf("checksum of %s: got %s, want %s", h.Name, got, want)
		}
		files++
	}
	if files < 7 {
		t.Errorf("got %d files, want 7 or more", files)
	}
}
