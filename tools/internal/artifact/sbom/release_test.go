package sbom

import (
	"archive/tar"
	"bytes"
	"context"
	"debug/elf"
	"debug/macho"
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/layout"
	"github.com/jasonwzm/release-builder/tools/internal/artifact/release"
	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
)

const (
	commit = "0123456789abcdef0123456789abcdef01234567"
	sum    = "h1:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="

	toolInfo = "path\texample.com/tool/cmd/tool\n" +
		"mod\texample.com/tool\tv1.2.3\t" + sum + "\n" +
		"dep\texample.com/Lib\tv2.0.0+incompatible\t" + sum + "\n" +
		"dep\texample.com/old\tv1.0.0\n=>\texample.com/fork\tv1.0.1\t" + sum + "\n" +
		"dep\texample.com/local\tv0.1.0\n=>\t./local\t(devel)\t\n" +
		"build\tGOOS=linux\n"
	agentInfo = "path\texample.com/agent\n" +
		"mod\texample.com/agent\tv0.0.0-20240229120000-0123456789ab\t\n" +
		"dep\texample.com/Lib\tv2.0.0+incompatible\t" + sum + "\n" +
		"build\tvcs.revision=" + commit + "\n"
	baseInfo = "path\texample.org/init\nmod\texample.org/init\t(devel)\t\ndep\texample.org/x\tv0.3.0\t\n"

	status = "Package: libc6\nStatus: install ok installed\nArchitecture: amd64\nSource: glibc\nVersion: 2.36-9+deb12u4\n" +
		"Description: GNU C Library\n Package: not-a-package\n\n" +
		"Package: gone\nStatus: deinstall ok config-files\nArchitecture: amd64\nVersion: 1\n\n" +
		"Package: libgcc-s1\nStatus: install ok installed\nArchitecture: amd64\nSource: gcc-12 (12.2.0-14)\nVersion: 12.2.0-14+deb12u1\n"
	moreStatus = status + "\nPackage: tzdata\nStatus: install ok installed\nArchitecture: all\nVersion: 2024a-0+deb12u1\n"
	debian     = "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nID=debian\nVERSION_ID=\"12\"\n"
	installed  = "C:Q1x\nP:musl\nV:1.2.4-r2\nA:aarch64\nT:the musl c library\no:musl\n\nP:musl-utils\nV:1.2.4-r2\nA:aarch64\no:musl\nF:sbin\nR:ldconfig\n"
	alpine     = "NAME=\"Alpine Linux\"\nID=alpine\nVERSION_ID=3.19.1\nPRETTY_NAME='Alpine Linux v3.19'\n"
)

// infoSection returns build information as the linker writes it.
func infoSection(info string) []byte {
	const infoStart, infoEnd = "0w\xaf\f\x92t\b\x02A\xe1\xc1\a\xe6\xd6\x18\xe6", "\xf92C1\x86\x18 r\x00\x82B\x10A\x16\xd8\xf2"
	data := append([]byte("\xff Go buildinf:\x08\x02"), make([]byte, 16)...)
	for _, s := range []string{"go1.22.3", infoStart + info + infoEnd} {
		data = append(binary.AppendUvarint(data, uint64(len(s))), s...)
	}
	return data
}

// elfProgram returns an ELF file that has no code, but build information, so that documents
// do not depend on the Go version of the test.
func elfProgram(info string) []byte {
	data := infoSection(info)
	names := "\x00.go.buildinfo\x00.shstrtab\x00"
	h := elf.Header64{
		Ident: [16]byte{0x7f, 'E', 'L', 'F', byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), byte(elf.EV_CURRENT)},
		Type:  uint16(elf.ET_EXEC), Machine: uint16(elf.EM_X86_64), Version: uint32(elf.EV_CURRENT),
		Phoff: 64, Shoff: 64 + 56, Ehsize: 64, Phentsize: 56, Phnum: 1, Shentsize: 64, Shnum: 3, Shstrndx: 2,
	}
	const begin, address = 64 + 56 + 3*64 + 8, 0x400000 + 64 + 56 + 3*64 + 8 // a multiple of 16
	n := uint64(len(data))
	var b bytes.Buffer
	for _, part := range []any{
		h,
		elf.Prog64{Type: uint32(elf.PT_LOAD), Flags: uint32(elf.PF_R | elf.PF_W), Off: begin, Vaddr: address, Filesz: n, Memsz: n, Align: 16},
		elf.Section64{},
		elf.Section64{Name: 1, Type: uint32(elf.SHT_PROGBITS), Flags: uint64(elf.SHF_ALLOC), Addr: address, Off: begin, Size: n, Addralign: 16},
		elf.Section64{Name: 15, Type: uint32(elf.SHT_STRTAB), Off: begin + n, Size: uint64(len(names))},
		[8]byte{}, data, []byte(names),
	} {
		if err := binary.Write(&b, binary.LittleEndian, part); err != nil {
			panic(err)
		}
	}
	return b.Bytes()
}

// machoProgram does the same in the format of macOS.
func machoProgram(info string, cpu macho.Cpu) []byte {
	data := infoSection(info)
	const address, begin = 0x1000, 32 + 72 + 80 + 8 // a multiple of 16
	n := uint64(len(data))
	var b bytes.Buffer
	for _, part := range []any{
		macho.FileHeader{Magic: macho.Magic64, Cpu: cpu, Type: macho.TypeExec, Ncmd: 1, Cmdsz: 72 + 80}, uint32(0),
		macho.Segment64{Cmd: macho.LoadCmdSegment64, Len: 72 + 80, Name: [16]byte{'_', '_', 'D', 'A', 'T', 'A'}, Addr: address, Memsz: n, Offset: begin, Filesz: n, Maxprot: 3, Prot: 3, Nsect: 1},
		macho.Section64{Name: [16]byte([]byte("__go_buildinfo\x00\x00")), Seg: [16]byte{'_', '_', 'D', 'A', 'T', 'A'}, Addr: address, Size: n, Offset: begin, Align: 4},
		[8]byte{}, data,
	} {
		if err := binary.Write(&b, binary.LittleEndian, part); err != nil {
			panic(err)
		}
	}
	return b.Bytes()
}

// tarOf returns a layer. Pairs are names and contents.
func tarOf(tb testing.TB, pairs ...string) v1.Layer {
	tb.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for i := 0; i < len(pairs); i += 2 {
		h := &tar.Header{Name: pairs[i], Typeflag: tar.TypeReg, Mode: 0o755, Size: int64(len(pairs[i+1]))}
		check(tb, w.WriteHeader(h))
		_, err := w.Write([]byte(pairs[i+1]))
		check(tb, err)
	}
	check(tb, w.Close())
	return static.NewLayer(b.Bytes(), types.OCIUncompressedLayer)
}

func check(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

// writeImage writes a layout with an image for each platform.
func writeImage(tb testing.TB, dir string, platforms map[string][]v1.Layer) {
	tb.Helper()
	check(tb, os.MkdirAll(filepath.Dir(dir), 0o755))
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, name := range []string{"linux/amd64", "linux/arm64"} {
		if platforms[name] == nil {
			continue
		}
		p, err := v1.ParsePlatform(name)
		check(tb, err)
		img := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
		img, err = mutate.AppendLayers(img, platforms[name]...)
		check(tb, err)
		config, err := img.ConfigFile()
		check(tb, err)
		config.OS, config.Architecture = p.OS, p.Architecture
		img, err = mutate.ConfigFile(img, config)
		check(tb, err)
		img = mutate.Annotations(img, map[string]string{"org.opencontainers.image.base.digest": string(digest.FromBytes([]byte(name)))}).(v1.Image)
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: img, Descriptor: v1.Descriptor{Platform: p}})
	}
	check(tb, layout.Write(context.Background(), layout.WriteArgs{Dir: dir, Index: index, Ref: "1.0.0"}))
}

// testLock pins a module, a commit, a directory, a base image and a file.
func testLock() *lock.Lock {
	d := digest.FromBytes([]byte("x"))
	stamp := time.Date(2024, 2, 29, 12, 0, 0, 0, time.UTC)
	l := &lock.Lock{
		Schema: lock.Schema, Manifest: d, Version: "1.0.0", Product: "tool",
		Platforms: []string{"linux-amd64"}, Architectures: []string{"linux/amd64", "linux/arm64"}, Time: stamp,
		Dependencies: []lock.Dependency{
			{
				Name: "agent", Digest: string(d), Time: stamp, GoRoots: []string{"."},
				Git:       &lock.Git{URL: "https://github.com/Example/agent.git", Ref: "refs/heads/main", Commit: commit},
				GoModules: []lock.GoModule{{Path: "example.com/Lib", Version: "v2.0.0+incompatible", Sum: sum}, {Path: "example.com/graph", Version: "v1.0.0", GoModSum: sum}},
			},
			{Name: "data", Digest: string(d), Time: stamp, Local: &lock.Local{Path: "/home/somebody/data", Commit: strings.Repeat("d0", 20), Dirty: true}},
			{Name: "tool", Primary: true, Digest: sum, Time: stamp, GoRoots: []string{"."}, Module: &lock.Module{Path: "example.com/tool", Version: "v1.2.3"}},
		},
		Images: []lock.Image{{
			Name: "tool", Base: "registry.example.com/debian:12", Digest: d,
			Platforms: []lock.ImagePlatform{{Platform: "linux/amd64", Digest: digest.FromBytes([]byte("linux/amd64"))}},
		}},
		Files:     []lock.File{{Name: "proxy", Platform: "linux-amd64", URL: "https://example.com/proxy", Digest: digest.FromBytes([]byte("\x7fELF proxy"))}},
		Toolchain: lock.Toolchain{Go: lock.GoSDK{Version: "1.22.3"}},
	}
	l.Seal()
	return l
}

// testRelease writes a release to dir and returns its artifacts.
func testRelease(tb testing.TB, dir string) []release.Entry {
	tb.Helper()
	write := func(name, content string) string {
		name = filepath.Join(dir, name)
		check(tb, os.MkdirAll(filepath.Dir(name), 0o755))
		check(tb, os.WriteFile(name, []byte(content), 0o644))
		return name
	}
	tool, agent := string(elfProgram(toolInfo)), string(elfProgram(agentInfo))
	writeImage(tb, filepath.Join(dir, "image"), map[string][]v1.Layer{
		"linux/amd64": {
			tarOf(tb, "var/lib/dpkg/status", status, "usr/lib/os-release", debian, "sbin/init", string(elfProgram(baseInfo)), "usr/bin/old", tool),
			tarOf(tb, "./var/lib/dpkg/status", moreStatus, "usr/bin/.wh.old", "", "lib/broken.so", "\x7fELF"),
			tarOf(tb, "usr/bin/agent", agent),
		},
		"linux/arm64": {
			tarOf(tb, "lib/apk/db/installed", installed, "etc/os-release", alpine),
			tarOf(tb, "usr/bin/agent", agent),
		},
	})
	amd64 := release.Content{Path: "tool-1.0.0/bin/tool", Source: write("bin/tool", tool), Platform: "linux-amd64"}
	proxy := release.Content{Path: "tool-1.0.0/bin/proxy", Source: write("bin/proxy", "\x7fELF proxy"), Platform: "linux-amd64"}
	script := release.Content{Path: "tool-1.0.0/bin/run", Source: write("bin/run", "#!/bin/sh\n"), Platform: "linux-amd64"}
	return []release.Entry{
		{Path: "tool-1.0.0-linux-amd64.tar.gz", Source: write("a.tar.gz", "archive"), Kind: "archive", MediaType: "application/gzip", Platform: "linux-amd64", Contents: []release.Content{amd64, proxy, script}},
		{Path: "tool-1.0.0-linux-amd64.tar.gz.sha256", Source: write("a.sha256", "sum"), Kind: "checksum", MediaType: "text/plain", Subject: "tool-1.0.0-linux-amd64.tar.gz"},
		{Path: "deb/tool ü.deb", Source: write("a.deb", "package"), Kind: "deb", MediaType: "application/vnd.debian.binary-package", Contents: []release.Content{{Path: "usr/bin/tool", Source: amd64.Source, Platform: "linux-amd64"}}},
		{Path: "images/tool", Source: filepath.Join(dir, "image"), Kind: release.ImageKind, MediaType: string(types.OCIImageIndex)},
		{Path: "lock.json", Source: write("lock.json", "{}"), Kind: "document", MediaType: "application/json"},
	}
}
