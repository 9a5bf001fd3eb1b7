package gc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/base/filelock"
)

// The names that tools/bazel uses in its cache for roots and unfinished roots, and that
// tools/reproduce uses for its builds.
var (
	rootName     = regexp.MustCompile(`^bazel-(.+)-[0-9a-f]{16}$`)
	launcherTmp  = regexp.MustCompile(`^(bazelrc|bazel-version|cacerts)-[0-9a-f]{16}\.[0-9]+$`)
	reproduceTmp = regexp.MustCompile(`^reproduce-[0-9]+$`)
)

// An unfinished root, the lock for making roots, and the files that describe a root.

const (
	rootTmp      = "bazel-root.tmp"
	rootLock     = "bazel-root.lock"
	rootPackages = "root.packages.json"
	rootProperty = "-Drelease.root=" // matches a Bazel server that runs in a root
)

// lookAtCache decides about the launcher's cache. The store and the disk cache may be in it,
// but have their own sections.
func lookAtCache(ctx context.Context, a *Args, l *looker) error {
	for _, d := range l.list(".") {
		name := d.Name()
		if dir := filepath.Join(a.Cache, name); name == trash || same(dir, a.Store) || same(dir, a.Disk) {
			continue
		}
		if !d.IsDir() {
			info, err := d.Info()
			if err != nil || !info.Mode().IsRegular() {
				l.note("%s is neither a file nor a directory: it is left alone", name)
				continue
			}
			e := entry{path: name, size: info.Size(), time: info.ModTime()}
			if launcherTmp.MatchString(name) {
				l.goes(e, stale)
			} else {
				l.stays(e, "is the launcher's")
			}
			continue
		}
		e, err := l.tree(ctx, name)
		if err != nil {
			return err
		}
		switch {
		case name == rootTmp:
			l.decide(e, a.installing(), stale)
		case rootName.MatchString(name):
			list, _ := l.root.ReadFile(path.Join(name, rootPackages))
			keep, why := a.keepRoot(name, list)
			l.decide(e, keep, why)
		case reproduceTmp.MatchString(name):
			keep := ""
			if a.served(filepath.Join(a.Cache, name) + "/") {
				keep = "reproduce builds in it"
			}
			l.decide(e, keep, stale)
		case name == "go-build":
			l.stays(e, "is the Go build cache: go itself removes what it has not used for days")
		default:
			l.stays(e, "is the launcher's")
		}
	}
	return nil
}

func same(a, b string) bool { return b != "" && filepath.Clean(a) == filepath.Clean(b) }

// installing returns a reason to keep files while a root is being made, or "".
func (a *Args) installing() string {
	unlock, err := filelock.Try(filepath.Join(a.Cache, rootLock))
	if errors.Is(err, filelock.ErrHeld) {
		return "tools/bazel is installing a root in it"
	}
	if err != nil {
		return fmt.Sprintf("whether tools/bazel is installing a root is not known: %v", err)
	}
	unlock()
	return ""
}

// storedRoot decides about a root from a bundle: NAME.tar and two files beside it.
func (l *looker) storedRoot(a *Args) func(entry) {
	return func(e entry) {
		name, _, _ := strings.Cut(path.Base(e.path), ".tar")
		name = strings.TrimSuffix(name, ".packages.json")
		if path.Dir(e.path) != "root" || !rootName.MatchString(name) {
			l.stays(e, "is not the store's")
			return
		}
		list, _ := l.root.ReadFile("root/" + name + ".packages.json")
		keep, why := a.keepRoot(name, list)
		l.decide(e, keep, why)
	}
}

// keepRoot returns why a root stays, or else why it is removed. The list is its
// root.packages.json.
func (a *Args) keepRoot(name string, list []byte) (keep, goes string) {
	if name == filepath.Base(a.Root) {
		return "Bazel runs in it", ""
	}
	for _, args := range a.Processes {
		for _, arg := range args {
			if arg == rootProperty+name {
				return "a Bazel server runs in it", ""
			}
		}
	}
	version := rootName.FindStringSubmatch(name)[1]
	switch wanted, ok := a.Keep.Bazel[version]; {
	case !ok:
		return "", fmt.Sprintf("no kept lock or .bazelversion names Bazel %s", version)
	case wanted == ByHistory || a.Root == "":
		return "a kept lock or .bazelversion names its Bazel", ""
	}
	now, _ := os.ReadFile(filepath.Join(a.Root, rootPackages))
	if made, current := recipe(list), recipe(now); made >= 0 && current >= 0 && made < current {
		return "", "an older tools/bazel installed it"
	}
	return "a kept lock or .bazelversion names its Bazel", ""
}

// recipe returns the recipe number in tools/bazel, or -1 if it is not known.
func recipe(list []byte) int {
	var doc struct {
		MadeBy string `json:"made_by"`
	}
	if err := json.Unmarshal(list, &doc); err != nil {
		return -1
	}
	first, _, _ := strings.Cut(doc.MadeBy, " ")
	n, err := strconv.Atoi(first)
	if err != nil {
		return -1
	}
	return n
}
