package linuxpkg

import (
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/jasonwzm/release-builder/tools/internal/base/hint"
)

// rules are what a format accepts.
type rules struct {
	name, version form
	// release says whether there has to be one.
	release bool
	// relation is the form of an entry of depends, provides and so on.
	relation *regexp.Regexp
}

// A form is what a text may be, in words too.
type form struct {
	*regexp.Regexp
	words string
}

var formats = map[Format]rules{
	// deb-version(7), Debian policy 5.6.1, 5.6.12 and 7.1. A version without a revision has
	// no hyphen.
	Deb: {
		name:     form{regexp.MustCompile(`^[a-z0-9][a-z0-9+.-]+$`), "two or more lower-case letters, digits, +, . and -, the first a letter or a digit"},
		version:  form{regexp.MustCompile(`^[0-9][A-Za-z0-9.+~]*$`), "a digit, then letters, digits, ., + and ~"},
		relation: regexp.MustCompile(`^` + debAlternative + `( \| ` + debAlternative + `)*$`),
	},
	// rpm's build/parsePreamble.c: characters of a version and of a name. Rich dependencies
	// are in parentheses.
	RPM: {
		name:     form{regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.+-]*$`), "letters, digits, _, ., + and -, the first a letter, a digit or _"},
		version:  form{regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._+~^]*$`), "a letter or a digit, then letters, digits, ., _, +, ~ and ^"},
		release:  true,
		relation: regexp.MustCompile(`^(\(.+\)|[^\s<>=()]+(\([^\s()]*\))*( (<|<=|=|>=|>) [^\s<>=-]+(-[^\s<>=-]+)?)?)$`),
	},
	// apk-package(5) and apk-tools' version.c.
	APK: {
		name:     form{regexp.MustCompile(`^[a-z0-9_][a-z0-9_.+-]*$`), "lower-case letters, digits, _, ., + and -, the first a letter, a digit or _"},
		version:  form{regexp.MustCompile(`^[0-9]+(\.[0-9]+)*[a-z]?(_(alpha|beta|pre|rc|cvs|svn|git|hg|p)[0-9]*)*$`), "numbers with dots between them, then a letter or suffixes such as _rc1 or _p2"},
		release:  true,
		relation: regexp.MustCompile(`^!?[^\s<>=~!]+((<|<=|=|>=|>|~|~=|=~)[^\s<>=~]+)?$`),
	},
	// PKGBUILD(5) and alpm-pkgver(7).
	ArchLinux: {
		name:     form{regexp.MustCompile(`^[a-z0-9@_+][a-z0-9@._+-]*$`), "lower-case letters, digits, @, ., _, + and -, the first neither . nor -"},
		version:  form{regexp.MustCompile(`^[A-Za-z0-9._+~]+$`), "letters, digits, ., _, + and ~"},
		release:  true,
		relation: regexp.MustCompile(`^[^\s<>=]+((<|<=|=|>=|>)[^\s<>=]+)?$`),
	},
}

const debAlternative = `[a-z0-9][a-z0-9+.-]+(:[a-z0-9-]+)?( \((<<|<=|=|>=|>>) [^\s()]+\))?`

var (
	numberRE     = regexp.MustCompile(`^(0|[1-9][0-9]*)$`)
	maintainerRE = regexp.MustCompile(`^[^<>\n]*[^<>\s] <[^<>@\s]+@[^<>@\s]+>$`)
)

// check returns all that is wrong with the spec, one error a line.
func (s *Spec) check() error {
	r, ok := formats[s.Format]
	if !ok {
		return fmt.Errorf("checking spec: format is %q, want deb, rpm, apk or archlinux", string(s.Format))
	}
	var errs []error
	bad := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("checking %s package %q: "+format, append([]any{s.Format, s.Name}, args...)...))
	}
	if !r.name.MatchString(s.Name) {
		bad("the name is not one of the format: want %s", r.name.words)
	}
	if !r.version.MatchString(s.Version) {
		bad("version %q is not one of the format: want %s", s.Version, r.version.words)
	}
	if (r.release || s.Release != "") && !numberRE.MatchString(s.Release) {
		bad("release is %q, want a number", s.Release)
	}
	if s.Architecture == "" {
		bad("architecture is empty")
	}
	if s.SourceDateEpoch < 0 || s.SourceDateEpoch >= 1<<31 {
		bad("source_date_epoch is %d, want seconds from 0 to %d", s.SourceDateEpoch, 1<<31-1)
	}
	if !maintainerRE.MatchString(s.Maintainer) {
		bad("maintainer is %q, want Name <address>", s.Maintainer)
	}
	if s.Summary == "" || s.License == "" {
		bad("summary is %q and license is %q, want both", s.Summary, s.License)
	}
	for name, value := range map[string]string{"vendor": s.Vendor, "homepage": s.Homepage, "summary": s.Summary, "license": s.License, "section": s.Section, "priority": s.Priority, "group": s.Group, "architecture": s.Architecture} {
		if strings.IndexFunc(value, isControl) >= 0 || !utf8.ValidString(value) {
			bad("%s is %q, want one line", name, value)
		}
	}
	for name, list := range map[string][]string{"depends": s.Depends, "recommends": s.Recommends, "conflicts": s.Conflicts, "provides": s.Provides, "replaces": s.Replaces} {
		for _, relation := range list {
			if !r.relation.MatchString(relation) {
				bad("%s has %q, which is not in the format's form", name, relation)
			}
		}
	}
	errs = append(errs, s.checkFiles()...)
	slices.SortStableFunc(errs, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return errors.Join(errs...)
}

// checkFiles checks the paths.
func (s *Spec) checkFiles() []error {
	var errs []error
	bad := func(f File, format string, args ...any) {
		errs = append(errs, fmt.Errorf("checking %s package %q: path %q "+format, append([]any{s.Format, s.Name, f.Path}, args...)...))
	}
	if len(s.Files) == 0 {
		errs = append(errs, fmt.Errorf("checking %s package %q: it has no files", s.Format, s.Name))
	}
	at := map[string]File{}
	for _, f := range s.Files {
		switch old, ok := at[f.Path]; {
		case ok:
			bad(f, "is there twice: %s and %s", old, f)
		case !strings.HasPrefix(f.Path, "/") || f.Path == "/":
			bad(f, "is not absolute")
		case path.Clean(f.Path) != f.Path:
			bad(f, "is not clean")
		case strings.IndexFunc(f.Path, func(r rune) bool { return r <= ' ' || r >= 0x7f || strings.ContainsRune(`"#%*?[\]{}`, r) }) >= 0:
			// rpm, dpkg's conffiles and pacman's .MTREE each have their own way with these.
			bad(f, `has a space, a character beyond ASCII, or one of "#%%*?[\]{}`)
		case f.Source != "" && f.Symlink != "":
			bad(f, "has both a source and a link target")
		case f.Mode != "" && f.Mode != "0644" && f.Mode != "0755":
			bad(f, "has mode %q, want 0644 or 0755", f.Mode)
		case !slices.Contains([]string{"", "config", "doc", "license", "man"}, f.Kind):
			bad(f, "is of kind %q, want config, doc, license or man", f.Kind)
		case f.Kind != "" && f.Source == "":
			bad(f, "is of kind %q, and not a file", f.Kind)
		case f.Symlink != "" && strings.IndexFunc(f.Symlink, func(r rune) bool { return r <= ' ' || r >= 0x7f }) >= 0:
			bad(f, "is a link to %q, which has a space or a character beyond ASCII", f.Symlink)
		}
		at[f.Path] = f
	}
	for _, f := range s.Files {
		for dir := path.Dir(f.Path); dir != "/" && dir != "."; dir = path.Dir(dir) {
			if up, ok := at[dir]; ok && (up.Source != "" || up.Symlink != "") {
				bad(f, "is below %q, which is not a directory: %s", dir, up)
			}
		}
	}
	for _, unit := range s.Units.Names {
		if !slices.ContainsFunc(s.Files, func(f File) bool { return path.Base(f.Path) == unit }) {
			err := fmt.Errorf("checking %s package %q: systemd unit %q is not one of its files", s.Format, s.Name, unit)
			errs = append(errs, hint.With(err, "add the unit file, such as /usr/lib/systemd/system/%s", unit))
		}
	}
	if s.Format == APK && len(s.Units.Names) > 0 {
		errs = append(errs, hint.With(fmt.Errorf("checking apk package %q: it has systemd units, and Alpine has no systemd", s.Name), "leave apk out of the formats of this package"))
	}
	return errs
}

func (f File) String() string {
	switch {
	case f.Symlink != "":
		return fmt.Sprintf("a link to %q", f.Symlink)
	case f.Source != "":
		return fmt.Sprintf("file %q", f.Source)
	}
	return "a directory"
}

func isControl(r rune) bool { return r < 0x20 || r == 0x7f }
