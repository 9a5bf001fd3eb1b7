package gomod

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"go/version"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/mod/modfile"

	"github.com/jasonwzm/release-builder/tools/internal/jsonfile"
)

// noGoLine is the version of the language where a go.mod does not say one: see
// https://go.dev/ref/mod#go-mod-file-go.
const noGoLine = "go1.16"

// Languages returns the version of the language, as go1.20, in which each of the
// named modules is written, and that in dir itself. A module that is replaced is
// written in that of its replacement.
func (g *Go) Languages(ctx context.Context, dir string, modules []string) (map[string]string, error) {
	path, err := g.run(ctx, dir, "list", "-mod=readonly", "-m")
	if err != nil {
		return nil, fmt.Errorf("reading the path of the module: %w", err)
	}
	args := append([]string{"list", "-mod=readonly", "-m", "-json=Path,GoVersion", strings.TrimSpace(string(path))}, modules...)
	out, err := g.run(ctx, dir, args...)
	if err != nil {
		return nil, fmt.Errorf("reading the modules' versions of Go: %w", err)
	}
	lang := map[string]string{}
	err = decode(out, func(m struct{ Path, GoVersion string }) error {
		lang[m.Path] = noGoLine
		if m.GoVersion != "" {
			lang[m.Path] = version.Lang("go" + m.GoVersion)
		}
		return nil
	})
	return lang, err
}

// decode calls each with every document of a stream of JSON.
func decode[T any](stream []byte, each func(T) error) error {
	for d := json.NewDecoder(bytes.NewReader(stream)); ; {
		var v T
		if err := d.Decode(&v); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("parsing the go command's answer: %w", err)
		}
		if err := each(v); err != nil {
			return err
		}
	}
}

// platforms are those for which releases are built, as GOOS_GOARCH.
var platforms = []string{"darwin_amd64", "darwin_arm64", "linux_amd64", "linux_arm", "linux_arm64", "windows_amd64"}

// GODEBUG returns the default GODEBUG of each program of the module in dir, which may
// be empty: by directory, relative to dir and slash-separated, and by platform, as GOOS_GOARCH.
// Of an installed module, `go install MODULE@VERSION` heeds no godebug line of go.mod.
func (g *Go) GODEBUG(ctx context.Context, dir string, tags []string, installed bool) (map[string]map[string]string, error) {
	args := []string{"list", "-mod=readonly", "-e", "-find", "-json=Dir,Name,DefaultGODEBUG", "-tags=" + strings.Join(tags, ",")}
	if installed {
		name, err := g.withoutGodebug(dir)
		if err != nil {
			return nil, err
		}
		args = append(args, "-modfile="+name)
	}
	args = append(args, "./...")
	abs, err := absolute(dir)
	if err != nil {
		return nil, err
	}
	godebug := map[string]map[string]string{}
	for _, platform := range platforms {
		goos, goarch, _ := strings.Cut(platform, "_")
		out, err := g.on(goos, goarch).run(ctx, dir, args...)
		if err != nil {
			return nil, fmt.Errorf("reading the default GODEBUG of programs: %w", err)
		}
		err = decode(out, func(p struct{ Dir, Name, DefaultGODEBUG string }) error {
			rel, err := filepath.Rel(abs, p.Dir)
			if err != nil || p.Name != "main" {
				return err
			}
			rel = filepath.ToSlash(rel)
			if godebug[rel] == nil {
				godebug[rel] = map[string]string{}
			}
			godebug[rel][platform] = p.DefaultGODEBUG
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return godebug, nil
}

// Files are those of a package beside its Go files, relative to its directory and
// slash-separated, on whichever platform.
type Files struct{ Embed, Syso map[string][]string }

// Files returns what each package of the module in dir, and each vendored one, has
// beside its Go files: by directory, relative to dir and slash-separated.
func (g *Go) Files(ctx context.Context, dir string, tags []string) (*Files, error) {
	mod := "-mod=vendor"
	if _, err := os.Stat(filepath.Join(dir, "vendor", "modules.txt")); errors.Is(err, fs.ErrNotExist) {
		mod = "-mod=readonly" // nothing is imported
	}
	abs, err := absolute(dir)
	if err != nil {
		return nil, err
	}
	files := &Files{map[string][]string{}, map[string][]string{}}
	for _, platform := range platforms {
		goos, goarch, _ := strings.Cut(platform, "_")
		out, err := g.on(goos, goarch).run(ctx, dir, "list", mod, "-e", "-deps", "-json=Dir,Standard,EmbedFiles,SysoFiles", "-tags="+strings.Join(tags, ","), "./...")
		if err != nil {
			return nil, fmt.Errorf("listing embedded files: %w", err)
		}
		err = decode(out, func(p struct {
			Dir                   string
			Standard              bool
			EmbedFiles, SysoFiles []string
		}) error {
			rel, err := filepath.Rel(abs, p.Dir)
			if err != nil || p.Standard || p.Dir == "" {
				return err
			}
			rel = filepath.ToSlash(rel)
			add(files.Embed, rel, p.EmbedFiles)
			add(files.Syso, rel, p.SysoFiles)
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return files, nil
}

// add adds to the sorted list of a directory what it does not have.
func add(lists map[string][]string, dir string, files []string) {
	if len(files) > 0 {
		list := slices.Concat(lists[dir], files)
		slices.Sort(list)
		lists[dir] = slices.Compact(list)
	}
}

// absolute returns a directory as the go command calls it.
func absolute(dir string) (string, error) {
	dir, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return "", err
	}
	return filepath.Abs(dir)
}

// on returns a go command for which a platform's files count.
func (g *Go) on(goos, goarch string) *Go {
	other := *g
	other.platform = []string{"GOOS=" + goos, "GOARCH=" + goarch}
	return &other
}

// withoutGodebug writes dir's go.mod without its godebug lines, and with the version
// that the go command takes where it has none, beside the module cache.
func (g *Go) withoutGodebug(dir string) (string, error) {
	data, err := jsonfile.ReadLimited(filepath.Join(dir, "go.mod"), maxGoMod)
	if err != nil {
		return "", err
	}
	f, err := modfile.Parse("go.mod", data, nil)
	if err != nil {
		return "", err
	}
	for _, d := range f.Godebug {
		if err := f.DropGodebug(d.Key); err != nil {
			return "", err
		}
	}
	if f.Go == nil {
		if err := f.AddGoStmt("1.20"); err != nil {
			return "", err
		}
	}
	if data, err = f.Format(); err != nil {
		return "", err
	}
	name := filepath.Join(filepath.Dir(g.Cache), "installed.mod")
	return name, os.WriteFile(name, data, 0o644)
}
