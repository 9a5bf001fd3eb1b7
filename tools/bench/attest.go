package main

import (
	"context"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/mod/module"

	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/base/jsonfile"
	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
)

const (
	attestGoal     = 2.0         // of the time to hash the release with sha256sum
	attestSeconds  = 2.0         // for all documents
	attestSyftGoal = 1.0         // of syft's time
	attestBytes    = 140_000_000 // that of the toolbox line's release
	attestPrograms = 18          // as many as it has
	attestCommand  = "github.com/jasonwzm/release-builder/tools/build/attest"
)

// attestBenchmark writes what a release says about itself: licences, SBOMs in SPDX and
// CycloneDX, and the provenance. It has 18 programs, each linked from the modules of one of
// this project's commands. One peer takes the SHA-256 of the release's files. The other is
// syft, with which goreleaser writes SBOMs: it reads the same programs, all in one run, which
// is less than goreleaser asks of it. Our SBOMs have more in them: every file of the release
// with two digests, and the sources.
func attestBenchmark(size int64) Benchmark {
	return Benchmark{Name: "attest", Run: func(ctx context.Context, e *Env) ([]Row, error) {
		if missing := missingPrograms("sha256sum", "sh"); missing != "" {
			return nil, fmt.Errorf("this machine has no %s", missing)
		}
		b := &attestBench{dir: e.Dir}
		var err error
		if b.attest, err = goBuild(ctx, e.Dir, attestCommand); err != nil {
			return nil, err
		}
		total, err := b.prepare(ctx, size)
		if err != nil {
			return nil, err
		}
		e.Notef("release: %d programs, %.1f MiB, licences of %d modules", attestPrograms, float64(total)/(1<<20), b.modules)
		contenders := []Contender{
			{"licences and provenance", func(ctx context.Context) error { return errors.Join(b.licenses(ctx), b.provenance(ctx)) }},
			{"SBOMs", b.sboms},
			{"sha256sum", func(ctx context.Context) error {
				_, err := runIn(ctx, filepath.Join(b.dir, "release"), "sh", "-c", "find . -type f -print0 | xargs -0 sha256sum")
				return err
			}},
		}
		if b.syft = findPeer("syft"); b.syft == "" {
			e.Notef("not measured: syft, which is not installed: go install github.com/anchore/syft/cmd/syft@v1.38.0")
		} else {
			contenders = append(contenders, Contender{"syft", b.runSyft})
		}
		times, err := e.Race(ctx, contenders...)
		if err != nil {
			return nil, err
		}
		all := Sample{}
		for i := range times[0] {
			all = append(all, times[0][i]+times[1][i])
		}
		rows := []Row{
			Within("licences, SBOMs and provenance of a release", all, attestSeconds),
			AtMostTimes("licences and provenance, against sha256sum of the release", times[0], times[2], attestGoal),
		}
		if len(times) > 3 {
			rows = append(rows, AtMostTimes("SBOMs, against syft of the same programs", times[1], times[3], attestSyftGoal))
		}
		return rows, nil
	}}
}

type attestBench struct {
	dir, attest string
	modules     int
	syft        string
}

func (b *attestBench) file(name string) string { return filepath.Join(b.dir, name) }

func (b *attestBench) run(ctx context.Context, verb string, flags ...string) error {
	_, err := runIn(ctx, b.dir, append([]string{b.attest, verb, "--artifacts", b.file("entries.json"), "--lock", b.file("lock.json")}, flags...)...)
	return err
}

func (b *attestBench) licenses(ctx context.Context) error {
	return b.run(ctx, "licenses", "--sources", b.file("sources.json"), "--out", b.file("NOTICES"), "--document", b.file("components.json"))
}

func (b *attestBench) provenance(ctx context.Context) error {
	return b.run(ctx, "provenance", "--line", "bench", "--out", b.file("provenance.json"))
}

func (b *attestBench) sboms(ctx context.Context) error {
	return b.run(ctx, "sbom", "--documents", b.file("documents.json"))
}

// runSyft lists what is in the programs, as SPDX.
func (b *attestBench) runSyft(ctx context.Context) error {
	_, err := runIn(ctx, b.dir, b.syft, "scan", "dir:"+b.file("programs"), "-q", "-o", "spdx-json="+b.file("syft.json"))
	return err
}

// prepare makes the release, and what Bazel gives the program.
func (b *attestBench) prepare(ctx context.Context, size int64) (total int64, err error) {
	files, total, err := makeCorpus(ctx, b.file("release"), size)
	if err != nil {
		return 0, err
	}
	type content struct {
		Path   string `json:"path"`
		Source string `json:"source"`
	}
	type entry struct {
		Path     string    `json:"path"`
		Source   string    `json:"source"`
		Kind     string    `json:"kind"`
		Contents []content `json:"contents"`
	}
	if err := os.Mkdir(b.file("programs"), 0o755); err != nil {
		return 0, err
	}
	var entries []entry
	for i, f := range files {
		e := entry{Path: f.Path, Source: filepath.Join(b.file("release"), filepath.FromSlash(f.Path)), Kind: "archive"}
		if i < attestPrograms {
			program := filepath.Join(b.file("programs"), fmt.Sprintf("program%02d", i))
			if err := os.Link(b.attest, program); err != nil {
				return 0, err
			}
			e.Contents = []content{{Path: "bin/tool", Source: program}}
		}
		entries = append(entries, e)
	}
	return total, b.inputs(ctx, entries)
}

// inputs writes the entries, the lock, and the sources with the licences in the module cache.
func (b *attestBench) inputs(ctx context.Context, entries any) error {
	info, err := buildinfo.ReadFile(b.attest)
	if err != nil {
		return err
	}
	cache, err := runIn(ctx, ".", "go", "env", "GOMODCACHE")
	if err != nil {
		return err
	}
	sum := sha256.Sum256(nil)
	h1 := "h1:" + base64.StdEncoding.EncodeToString(sum[:])
	root, err := runIn(ctx, "", "go", "list", "-m", "-f", "{{.Dir}}")
	if err != nil {
		return err
	}
	own := filepath.Join(root, "LICENSE")
	licenses := map[string]string{info.Main.Path + "/LICENSE": own}
	d := lock.Dependency{Name: "bench", Primary: true, Module: &lock.Module{Path: info.Main.Path, Version: "v1.0.0"}, Digest: h1}
	for _, m := range info.Deps {
		d.GoModules = append(d.GoModules, lock.GoModule{Path: m.Path, Version: m.Version, Sum: h1})
		escaped, err := module.EscapePath(m.Path)
		if err != nil {
			return err
		}
		// The project's licence stands for that of a module which has none at its top.
		licenses[m.Path+"/LICENSE"] = own
		found, err := filepath.Glob(filepath.Join(strings.TrimSpace(cache), escaped+"@"+m.Version, "LICENSE*"))
		if err != nil {
			return err
		}
		if len(found) > 0 {
			delete(licenses, m.Path+"/LICENSE")
		}
		for _, name := range found {
			licenses[m.Path+"/"+filepath.Base(name)] = name
		}
	}
	b.modules = len(info.Deps) + 1
	l := &lock.Lock{
		Schema: lock.Schema, Manifest: digest.FromBytes(nil), Version: releaseVersion, Product: "bench",
		Platforms: []string{"linux-amd64"}, Time: time.Unix(1_700_000_000, 0).UTC(), Dependencies: []lock.Dependency{d},
	}
	l.Seal()
	type source struct {
		Dependency string            `json:"dependency"`
		Archive    string            `json:"archive"`
		Modules    map[string]string `json:"modules"`
		Files      map[string]string `json:"files"`
	}
	sources := map[string]any{
		"sdk":     map[string]string{"LICENSE": own},
		"sources": []source{{"bench", b.file("bench.tar.gz"), map[string]string{info.Main.Path: ""}, licenses}},
	}
	type document struct {
		Of     string `json:"of"`
		Name   string `json:"name,omitempty"`
		Path   string `json:"path"`
		Format string `json:"format"`
		Out    string `json:"out"`
	}
	var documents []document
	for _, d := range []document{{Of: "release"}, {Of: "source", Name: "bench"}} {
		for _, d.Format = range []string{"spdx", "cyclonedx"} {
			d.Path = "sbom/" + d.Of + "." + d.Format + ".json"
			d.Out = b.file(d.Of + "." + d.Format + ".json")
			documents = append(documents, d)
		}
	}
	for name, v := range map[string]any{"entries.json": entries, "lock.json": l, "sources.json": sources, "documents.json": documents} {
		if err := jsonfile.Write(b.file(name), v); err != nil {
			return err
		}
	}
	return nil
}
