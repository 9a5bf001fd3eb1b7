// Package rpm reads the metadata of an RPM package (https://rpm.org/docs/latest/format.html).
package rpm

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"regexp"
	"strconv"
	"strings"
)

// A Package is what an index of packages has of a package.
type Package struct {
	Name, Version, Release, Arch string
	Epoch                        uint64

	Summary, Description, Packager, URL, License, Vendor, Group, BuildHost, SourceRPM string

	// BuildTime is in seconds since 1970. Installed and Archive are the sizes in bytes of
	// its files and of its uncompressed payload.
	BuildTime, Installed, Archive uint64
	// HeaderStart and HeaderEnd are the range of its main header in the file, in bytes.
	HeaderStart, HeaderEnd int64
	// Dependencies by kind: provides, requires, conflicts, obsoletes, suggests, enhances,
	// recommends, supplements.
	Dependencies map[string][]Dependency
	Files        []File
	Changelog    []Change // newest first
}

// EVR returns EPOCH:VERSION-RELEASE. An epoch of 0 is left out.
func (p *Package) EVR() string {
	evr := p.Version + "-" + p.Release
	if p.Epoch > 0 {
		evr = strconv.FormatUint(p.Epoch, 10) + ":" + evr
	}
	return evr
}

// A Dependency is a package or a capability, with a version if there are Flags: LT, LE, EQ,
// GE or GT.
type Dependency struct {
	Name, Flags, Epoch, Version, Release string
	// Pre means that it is needed before the package is installed.
	Pre bool
}

// A File is a file of a package. Type is dir, ghost or empty.
type File struct{ Name, Type string }

// A Change is an entry of a changelog. Time is in seconds since 1970.
type Change struct {
	Author, Text string
	Time         uint64
}

// The tags that are read.
const (
	tagName, tagVersion, tagRelease, tagEpoch, tagSummary, tagDescription = 1000, 1001, 1002, 1003, 1004, 1005

	tagBuildTime, tagBuildHost, tagSize, tagVendor, tagLicense, tagPackager, tagGroup = 1006, 1007, 1009, 1011, 1014, 1015, 1016
	tagURL, tagArch, tagOldFiles, tagModes, tagFlags, tagSourceRPM, tagArchiveSize    = 1020, 1022, 1027, 1030, 1037, 1044, 1046

	tagChangeTime, tagChangeName, tagChangeText = 1080, 1081, 1082
	tagDirIndexes, tagBaseNames, tagDirNames    = 1116, 1117, 1118
	tagLongSize, tagLongArchiveSize             = 5009, 271
	sigPayloadSize                              = 1007
)

// tags of dependencies: name, flags, version.
var dependencyTags = map[string][3]uint32{
	"provides": {1047, 1112, 1113}, "requires": {1049, 1048, 1050}, "conflicts": {1054, 1053, 1055}, "obsoletes": {1090, 1114, 1115},
	"recommends": {5046, 5048, 5047}, "suggests": {5049, 5051, 5050}, "supplements": {5052, 5054, 5053}, "enhances": {5055, 5057, 5056},
}

const (
	flagLess, flagGreater, flagEqual = 2, 4, 8
	flagPre                          = 1<<6 | 1<<9 | 1<<10 // prereq, %pre, %post
	flagRPMLib                       = 1 << 24             // a feature of rpm itself
	fileGhost                        = 1 << 6
	modeType, modeDir                = 0o170000, 0o040000
)

var (
	nameText    = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._+-]*$`)
	versionText = regexp.MustCompile(`^[A-Za-z0-9._+~^]+$`)
	archText    = regexp.MustCompile(`^[a-z0-9_]+$`)
)

// Read reads the metadata of a package. It stops reading after that.
func Read(r io.Reader) (*Package, error) {
	lead := make([]byte, leadSize)
	if _, err := io.ReadFull(r, lead); err != nil || !bytes.HasPrefix(lead, []byte{0xed, 0xab, 0xee, 0xdb}) {
		return nil, errors.New("not an RPM package")
	}
	signature, err := readHeader(r)
	if err != nil {
		return nil, err
	}
	padding := (8 - signature.size%8) % 8
	if _, err := io.CopyN(io.Discard, r, padding); err != nil {
		return nil, fmt.Errorf("reading a header: %w", err)
	}
	h, err := readHeader(r)
	if err != nil {
		return nil, err
	}
	p := &Package{
		Name: h.text(tagName), Version: h.text(tagVersion), Release: h.text(tagRelease), Arch: h.text(tagArch), Epoch: h.number(tagEpoch),
		Summary: h.text(tagSummary), Description: h.text(tagDescription), Packager: h.text(tagPackager), URL: h.text(tagURL), License: h.text(tagLicense),
		Vendor: h.text(tagVendor), Group: h.text(tagGroup), BuildHost: h.text(tagBuildHost), SourceRPM: h.text(tagSourceRPM),
		BuildTime: h.number(tagBuildTime), Installed: h.number(tagSize, tagLongSize), Archive: h.number(tagArchiveSize, tagLongArchiveSize),
		HeaderStart: leadSize + signature.size + padding, Dependencies: map[string][]Dependency{},
	}
	if p.Archive == 0 {
		p.Archive = signature.number(sigPayloadSize, tagLongArchiveSize)
	}
	p.HeaderEnd = p.HeaderStart + h.size
	for _, f := range []struct {
		what, text string
		rule       *regexp.Regexp
	}{{"name", p.Name, nameText}, {"version", p.Version, versionText}, {"release", p.Release, versionText}, {"architecture", p.Arch, archText}} {
		if !f.rule.MatchString(f.text) || len(f.text) > 200 {
			return nil, fmt.Errorf("reading a package: %s: got %.200q, want a valid one", f.what, f.text)
		}
	}
	if p.SourceRPM == "" {
		return nil, errors.New("reading a package: it is a source package, or does not name its source package")
	}
	if err := p.readFiles(h); err != nil {
		return nil, err
	}
	return p, p.readLists(h)
}

// readFiles reads the names and types of files.
func (p *Package) readFiles(h *header) error {
	names := h.values[tagOldFiles].texts
	dirs, at := h.values[tagDirNames].texts, h.values[tagDirIndexes].numbers
	for n, base := range h.values[tagBaseNames].texts {
		if n >= len(at) || at[n] >= uint64(len(dirs)) {
			return fmt.Errorf("file %.100q: it has no directory", base)
		}
		names = append(names, dirs[at[n]]+base)
	}
	modes, flags := h.values[tagModes].numbers, h.values[tagFlags].numbers
	for n, name := range names {
		if !path.IsAbs(name) || !fs.ValidPath(path.Clean(name)[1:]) && path.Clean(name) != "/" {
			return fmt.Errorf("file %.100q: want an absolute path", name)
		}
		f := File{Name: name}
		switch {
		case n < len(modes) && modes[n]&modeType == modeDir:
			f.Type = "dir"
		case n < len(flags) && flags[n]&fileGhost != 0:
			f.Type = "ghost"
		}
		p.Files = append(p.Files, f)
	}
	return nil
}

// readLists reads dependencies and the changelog.
func (p *Package) readLists(h *header) error {
	for kind, tags := range dependencyTags {
		names, flags, versions := h.values[tags[0]].texts, h.values[tags[1]].numbers, h.values[tags[2]].texts
		if len(names) != len(flags) || len(names) != len(versions) {
			return fmt.Errorf("%s: got %d names, %d flags and %d versions", kind, len(names), len(flags), len(versions))
		}
		for n, name := range names {
			if flags[n]&flagRPMLib == 0 {
				p.Dependencies[kind] = append(p.Dependencies[kind], dependency(name, flags[n], versions[n]))
			}
		}
	}
	times, names, texts := h.values[tagChangeTime].numbers, h.values[tagChangeName].texts, h.values[tagChangeText].texts
	if len(times) != len(names) || len(times) != len(texts) {
		return fmt.Errorf("changelog: got %d times, %d names and %d texts", len(times), len(names), len(texts))
	}
	for n := range times {
		p.Changelog = append(p.Changelog, Change{names[n], texts[n], times[n]})
	}
	return nil
}

func dependency(name string, flags uint64, version string) Dependency {
	d := Dependency{Name: name, Pre: flags&flagPre != 0}
	switch flags & (flagLess | flagGreater | flagEqual) {
	case flagLess:
		d.Flags = "LT"
	case flagLess | flagEqual:
		d.Flags = "LE"
	case flagEqual:
		d.Flags = "EQ"
	case flagGreater | flagEqual:
		d.Flags = "GE"
	case flagGreater:
		d.Flags = "GT"
	default:
		return d
	}
	d.Epoch, d.Version, d.Release = splitEVR(version)
	return d
}

// splitEVR splits [EPOCH:]VERSION[-RELEASE]. The epoch is 0 by default.
func splitEVR(evr string) (epoch, version, release string) {
	epoch, version, ok := strings.Cut(evr, ":")
	if !ok {
		epoch, version = "0", evr
	}
	version, release, _ = strings.Cut(version, "-")
	return epoch, version, release
}
