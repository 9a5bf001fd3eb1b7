package gosource

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/base/fileio"
)

// Vendor copies the packages of other modules, and their licences, into the vendor directory
// of each root. If the go command has read the source's own vendor directory, that stays.
func Vendor(a Args) error {
	for _, r := range a.Roots {
		if err := a.vendor(r); err != nil {
			return inRoot(r, fmt.Errorf("laying out its imports: %w", err))
		}
	}
	return nil
}

func (a *Args) vendor(r Root) error {
	vendor := filepath.Join(a.join(r), "vendor")
	var text strings.Builder
	last, cleared := "", false
	for _, p := range a.packages(r) {
		to := filepath.Join(a.Dir, filepath.FromSlash(p.dir))
		if p.own || sameDir(to, p.from) {
			continue
		}
		if !cleared {
			cleared = true
			if err := os.RemoveAll(vendor); err != nil {
				return err
			}
		}
		if at := atVersion(p.module); at != last {
			last = at
			fmt.Fprintf(&text, "# %s\n", strings.Replace(at, "@", " ", 1))
		}
		text.WriteString(p.path + "\n")
		if err := p.copy(to); err != nil {
			return fmt.Errorf("package %s: %w", p.path, err)
		}
	}
	if !cleared {
		return nil
	}
	return os.WriteFile(filepath.Join(vendor, "modules.txt"), []byte(text.String()), 0o644)
}

// sameDir reports whether two names are of the same directory.
func sameDir(a, b string) bool {
	one, err := os.Stat(a)
	if err != nil {
		return false
	}
	other, err := os.Stat(b)
	return err == nil && os.SameFile(one, other)
}

// copy copies a package's files, and the licences in its directory and above, to a directory.
func (q *pkg) copy(to string) error {
	for _, lists := range []perPlatform{q.srcs, q.embed} {
		for _, name := range lists.union() {
			if err := copyFile(filepath.Join(q.from, filepath.FromSlash(name)), filepath.Join(to, filepath.FromSlash(name))); err != nil {
				return err
			}
		}
	}
	rel := strings.TrimPrefix(strings.TrimPrefix(q.path, q.within), "/")
	for at := path.Join(".", rel); ; at = path.Dir(at) {
		up := filepath.FromSlash(strings.Repeat("../", depth(rel)-depth(at)))
		if err := copyLicenseFiles(filepath.Join(q.from, up), filepath.Join(to, up)); err != nil {
			return err
		}
		if at == "." {
			return nil
		}
	}
}

// depth returns the number of elements of a path.
func depth(p string) int {
	if p == "." || p == "" {
		return 0
	}
	return strings.Count(p, "/") + 1
}

func copyLicenseFiles(from, to string) error {
	entries, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !e.Type().IsRegular() || !isLicense(e.Name()) {
			continue
		}
		if err := copyFile(filepath.Join(from, e.Name()), filepath.Join(to, e.Name())); err != nil {
			return err
		}
	}
	return nil
}

// copyFile copies a regular file. If the copy exists, it does nothing.
func copyFile(from, to string) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	info, err := os.Lstat(from)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%q is not a regular file", filepath.Base(from))
	}
	if err := fileio.Copy(from, to); !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}
