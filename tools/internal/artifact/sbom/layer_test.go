package sbom

import (
	"bytes"
	"context"
	"debug/macho"
	"encoding/binary"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/layout"
	"github.com/jasonwzm/release-builder/tools/internal/artifact/release"
)

// imageOf returns the inventory of an image for linux/amd64.
func imageOf(tb testing.TB, layers ...v1.Layer) (*Inventory, error) {
	tb.Helper()
	dir := filepath.Join(tb.TempDir(), "image")
	writeImage(tb, dir, map[string][]v1.Layer{"linux/amd64": layers})
	return Collect(context.Background(), Args{Lock: testLock(), Artifacts: []release.Entry{
		{Path: "images/tool", Source: dir, Kind: release.ImageKind, MediaType: string(types.OCIImageIndex)},
	}})
}

// names returns kind and name of what is in the image, sorted.
func names(tb testing.TB, inv *Inventory) []string {
	tb.Helper()
	g, err := inv.Image("images/tool")
	check(tb, err)
	all := map[string]bool{}
	for _, e := range g.Elements {
		if slices.Contains([]Kind{Program, Module, OS, Package}, e.Kind) {
			all[string(e.Kind)+" "+e.Name] = true
		}
	}
	return slices.Sorted(maps.Keys(all))
}

// TestLayers: what upper layers hide is not in the image.
func TestLayers(t *testing.T) {
	program := "\x7fELF no program"
	for _, tt := range []struct {
		name   string
		layers [][]string
		want   []string
	}{
		{"one file", [][]string{{"bin/a", program}}, []string{"Program a"}},
		{"a link at its path", [][]string{{"/bin/a", program}, {"./bin/../bin/a", "#!/bin/sh"}}, nil},
		{"replaced", [][]string{{"bin/a", program}, {"bin/a", program + " 2"}}, []string{"Program a"}},
		{"whiteout", [][]string{{"bin/a", program, "bin/b", program + " b"}, {"bin/.wh.a", ""}}, []string{"Program b"}},
		{"whiteout of the directory", [][]string{{"usr/bin/a", program}, {".wh.usr", ""}}, nil},
		{"opaque directory", [][]string{{"usr/bin/a", program}, {"usr/.wh..wh..opq", "", "usr/b", program + " b"}}, []string{"Program b"}},
		{"opaque root", [][]string{{"usr/bin/a", program}, {".wh..wh..opq", ""}}, nil},
		{"file in the place of a directory", [][]string{{"usr/bin/a", program}, {"usr", "x"}}, nil},
		{"back again", [][]string{{"bin/a", program}, {"bin/.wh.a", ""}, {"bin/a", program}}, []string{"Program a"}},
		{
			"database replaced", [][]string{{"var/lib/dpkg/status", status}, {"var/lib/dpkg/status", "Package: new\nVersion: 1\n"}},
			[]string{"Package new"},
		},
		{"database removed", [][]string{{"var/lib/dpkg/status", status}, {"var/lib/.wh.dpkg", ""}}, nil},
		{
			"distroless", [][]string{{"var/lib/dpkg/status.d/a", "Package: a\nVersion: 1\n", "var/lib/dpkg/status.d/a.md5sums", "x"}, {"var/lib/dpkg/status.d/b", "Package: b\nVersion: 1\n"}},
			[]string{"Package a", "Package b"},
		},
		{"etc before usr", [][]string{{"etc/os-release", debian, "usr/lib/os-release", alpine}}, []string{"OS debian"}},
		{"broken build information", [][]string{{"a", string(elfProgram(toolInfo))[:320]}}, []string{"Program a"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var layers []v1.Layer
			for _, pairs := range tt.layers {
				layers = append(layers, tarOf(t, pairs...))
			}
			inv, err := imageOf(t, layers...)
			check(t, err)
			if got := names(t, inv); !slices.Equal(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// TestBadImages: what cannot be read is an error that names image and file.
func TestBadImages(t *testing.T) {
	for _, tt := range []struct {
		name, file, content, want string
	}{
		{"rpm", "var/lib/rpm/Packages", "x", `reading image "images/tool": layer sha256:`},
		{"rpm again", "var/lib/rpm/Packages", "x", `"var/lib/rpm/Packages": reading a database of rpm: not a database of rpm`},
		{"database", "var/lib/dpkg/status", "Package: a\n", `"var/lib/dpkg/status": package 1 has name "a" and version "", want both`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := imageOf(t, tarOf(t, tt.file, tt.content)); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
	for name, damage := range map[string]func(blob string) error{
		"digest of blob":      func(blob string) error { return os.WriteFile(blob, []byte("x"), 0o644) },
		"its blob is missing": os.Remove,
	} {
		dir := t.TempDir()
		artifacts := testRelease(t, dir)
		index, err := layout.Path(filepath.Join(dir, "image")).Manifests()
		check(t, err)
		d, err := layout.Path(filepath.Join(dir, "image")).ReadDocument(index[0])
		check(t, err)
		m, err := layout.Path(filepath.Join(dir, "image")).ReadDocument(d.Manifests[0])
		check(t, err)
		check(t, damage(layout.Path(filepath.Join(dir, "image")).Blob(layout.DigestOf(m.Layers[0]))))
		if _, err := Collect(context.Background(), Args{Lock: testLock(), Artifacts: artifacts}); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("got %v, want %q", err, name)
		}
	}
}

// TestCancelled: reading ends with the context.
func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Collect(ctx, Args{Lock: testLock(), Artifacts: testRelease(t, t.TempDir())}); err == nil {
		t.Error("got no error")
	}
}

// TestUniversal reads both programs in a universal binary of macOS.
func TestUniversal(t *testing.T) {
	parts := []string{string(machoProgram(toolInfo, macho.CpuAmd64)), string(machoProgram(agentInfo, macho.CpuArm64))}
	var b bytes.Buffer
	check(t, binary.Write(&b, binary.BigEndian, []uint32{
		macho.MagicFat, 2,
		uint32(macho.CpuAmd64), 3, 4096, uint32(len(parts[0])), 12,
		uint32(macho.CpuArm64), 0, 8192, uint32(len(parts[1])), 12,
	}))
	for i, part := range parts {
		b.Write(make([]byte, 4096*(i+1)-b.Len()))
		b.WriteString(part)
	}
	p := new(program)
	p.readInfo(bytes.NewReader(b.Bytes()))
	if len(p.infos) != 2 || p.infos[0].Main.Path != "example.com/tool" || p.infos[1].Main.Path != "example.com/agent" || p.problem != "" {
		t.Errorf("got %v, %q, want both programs", p.infos, p.problem)
	}
	inv, err := imageOf(t, tarOf(t, "tool", b.String()))
	check(t, err)
	if got := names(t, inv); !slices.Contains(got, "Module example.com/agent") || !slices.Contains(got, "Module example.com/tool") {
		t.Errorf("got %q, want the modules of both", got)
	}
}
