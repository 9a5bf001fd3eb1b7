package helmchart

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/archive"
	"github.com/jasonwzm/release-builder/tools/internal/artifact/yamledit"
	"github.com/jasonwzm/release-builder/tools/internal/base/fileio"
	"github.com/jasonwzm/release-builder/tools/internal/base/hint"
)

const (
	metadataFile = "Chart.yaml"
	lockFile     = "Chart.lock"
	// maxFile is the size of the largest file that Helm loads, in bytes.
	maxFile = 5 << 20
)

// PackArgs are the arguments of Pack.
type PackArgs struct {
	// Name is the chart's, which Chart.yaml has to have.
	Name string
	// Version replaces version in Chart.yaml, AppVersion replaces appVersion. An empty one
	// leaves it.
	Version, AppVersion string
	// Files are the names on disk of the chart's files, by their path in the chart. A
	// directory means all files in it; "." is the chart itself.
	Files map[string]string
	// Values are edits of YAML files, by their path in the chart.
	Values map[string][]yamledit.Edit
	// Dependencies are archives of other charts, for charts/. Chart.yaml has to name each,
	// with a version that matches.
	Dependencies []string
	ModTime      time.Time
	// Out is the archive to write, NAME-VERSION.tgz.
	Out string
}

// Pack writes a chart's archive (https://helm.sh/docs/topics/charts/): NAME/Chart.yaml, then
// the other files by path, with mode 0644, without directories and without what .helmignore
// leaves out. The same input gives the same bytes.
//
// Files are as they are on disk, apart from the edits. With Dependencies, Chart.lock is left
// out: it pins other archives. Every dependency in Chart.yaml has to be in charts/.
func Pack(ctx context.Context, a PackArgs) error {
	err := a.pack(ctx)
	if err != nil {
		return fmt.Errorf("packing chart %q: %w", a.Name, err)
	}
	return nil
}

func (a *PackArgs) pack(ctx context.Context) error {
	files, err := a.list()
	if err != nil {
		return err
	}
	edited, err := a.edit(files)
	if err != nil {
		return err
	}
	if len(a.Dependencies) > 0 {
		delete(files, lockFile)
	}
	if err := a.addDependencies(files, edited[metadataFile]); err != nil {
		return err
	}
	var entries []archive.Entry
	for name, file := range files {
		e := archive.Entry{Path: name, Source: file}
		if data, ok := edited[name]; ok {
			e.Source, e.Content = "", data
		}
		entries = append(entries, e)
	}
	_, err = archive.WriteFile(ctx, archive.WriteFileArgs{
		Name: a.Out, Format: archive.TarGzip, Entries: entries,
		Options: archive.Options{Prefix: a.Name, ModTime: a.ModTime, FilesOnly: true, First: metadataFile},
	})
	return err
}

// list returns the names on disk of the files to pack, by path.
func (a *PackArgs) list() (map[string]string, error) {
	files := map[string]string{}
	for at, name := range a.Files {
		if err := addFiles(files, at, name); err != nil {
			return nil, err
		}
	}
	var ignore []byte
	if name := files[ignoreFile]; name != "" {
		var err error
		if ignore, err = fileio.ReadLimited(name, maxFile); err != nil {
			return nil, err
		}
	}
	rules, err := parseIgnore(ignore)
	if err != nil {
		return nil, err
	}
	for name := range files {
		if ignored(rules, name) {
			delete(files, name)
		}
	}
	if files[metadataFile] == "" {
		return nil, fmt.Errorf("got no %s in %d files", metadataFile, len(files))
	}
	return files, nil
}

// addFiles adds a file, or all files below a directory.
func addFiles(files map[string]string, at, name string) error {
	root, err := filepath.EvalSymlinks(name) // Bazel's sandbox consists of links
	if errors.Is(err, fs.ErrNotExist) {
		err = hint.With(fmt.Errorf("there is no file or directory %q", name), "give files of the chart, or its directory, that exist")
	}
	if err != nil {
		return err
	}
	return filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil && info.Mode()&fs.ModeSymlink != 0 {
			info, err = os.Stat(file)
		}
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, file)
		if err != nil {
			return err
		}
		to := path.Join(at, filepath.ToSlash(rel))
		switch {
		case !info.Mode().IsRegular():
			return fmt.Errorf("%q is a link to a directory, or no regular file", to)
		case info.Size() > maxFile:
			return fmt.Errorf("%q has %d bytes: Helm loads files of at most %d", to, info.Size(), maxFile)
		case files[to] != "":
			return fmt.Errorf("duplicate file %q: %q and %q", to, files[to], file)
		}
		files[to] = file
		return nil
	})
}

// edit returns the content of the files that differ from those on disk, by path. Chart.yaml
// is always one of them.
func (a *PackArgs) edit(files map[string]string) (map[string][]byte, error) {
	edits := map[string][]yamledit.Edit{metadataFile: nil}
	for _, e := range []yamledit.Edit{{Path: "version", Value: a.Version}, {Path: "appVersion", Value: a.AppVersion}} {
		if e.Value != "" {
			edits[metadataFile] = append(edits[metadataFile], e)
		}
	}
	for name, more := range a.Values {
		edits[name] = append(edits[name], more...)
	}
	edited := map[string][]byte{}
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(edits)) {
		if files[name] == "" {
			errs = append(errs, fmt.Errorf("setting %s of %q: the chart has no such file; it has %s", edits[name][0].Path, name, yamlFiles(files)))
			continue
		}
		data, err := fileio.ReadLimited(files[name], maxFile)
		if err == nil {
			edited[name], err = yamledit.Apply(name, data, edits[name])
		}
		if err != nil && name == metadataFile {
			err = hint.With(err, "a release sets version and appVersion in Chart.yaml: have both there, with any value")
		}
		errs = append(errs, err)
	}
	return edited, errors.Join(errs...)
}

// yamlFiles lists the chart's YAML files that are not templates.
func yamlFiles(files map[string]string) string {
	var all []string
	for name := range files {
		if (path.Ext(name) == ".yaml" || path.Ext(name) == ".yml") && !strings.HasPrefix(name, "templates/") {
			all = append(all, name)
		}
	}
	slices.Sort(all)
	const most = 20
	if len(all) > most {
		all = append(all[:most], "…")
	}
	return strings.Join(all, ", ")
}
