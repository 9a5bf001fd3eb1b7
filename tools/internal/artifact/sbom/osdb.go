package sbom

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"path"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/rpm"
)

// Limits on the databases of distributions. What goes on after maxField is ignored: it is a
// description, or a list of files.
const (
	maxPackages = 100_000
	maxField    = 4 << 10 // bytes
)

// An osPackage is an installed package of a distribution.
type osPackage struct {
	format        string // the type of its package URL: deb, apk or rpm
	name, version string
	arch          string
	source        string // the source package, if it has another name; of an rpm, its file
	sourceVersion string // and if it has another version
}

// databaseOf returns the parser of a file of dpkg's or apk's database of packages, or nil.
func databaseOf(name string) func(io.Reader) ([]osPackage, error) {
	dir, base := path.Split("/" + name)
	switch {
	case strings.HasSuffix(dir, "/lib/dpkg/") && base == "status":
		return parseDPKG
	case strings.HasSuffix(dir, "/lib/dpkg/status.d/") && path.Ext(base) != ".md5sums" && path.Ext(base) != ".list":
		return parseDPKG
	case strings.HasSuffix(dir, "/lib/apk/db/") && base == "installed":
		return parseAPK
	}
	return nil
}

// readRPM reads a database of rpm through a file, because it is read at offsets.
func readRPM(r io.Reader, scratch *os.File) ([]osPackage, error) {
	if err := reset(scratch); err != nil {
		return nil, err
	}
	size, err := io.Copy(scratch, r)
	if err != nil {
		return nil, err
	}
	installed, err := rpm.ReadInstalled(scratch, size)
	if err != nil {
		return nil, err
	}
	var all []osPackage
	for _, p := range installed {
		all = append(all, osPackage{format: "rpm", name: p.Name, version: p.EVR(), arch: p.Arch, source: p.SourceRPM})
	}
	return all, nil
}

// parseDPKG parses dpkg's status file, or a file of status.d in images without dpkg: see
// deb-control(5) and deb-src-control(5).
func parseDPKG(r io.Reader) ([]osPackage, error) {
	return parseStanzas(r, func(fields map[string]string) (osPackage, bool) {
		p := osPackage{format: "deb", name: fields["package"], version: fields["version"], arch: fields["architecture"]}
		source, version, _ := strings.Cut(fields["source"], "(")
		p.source, p.sourceVersion = strings.TrimSpace(source), strings.TrimSuffix(strings.TrimSpace(version), ")")
		state := strings.Fields(fields["status"])
		gone := len(state) == 3 && (state[2] == "not-installed" || state[2] == "config-files")
		return p, !gone
	}, true)
}

// parseAPK parses the database of apk: see apk-db(5).
func parseAPK(r io.Reader) ([]osPackage, error) {
	return parseStanzas(r, func(fields map[string]string) (osPackage, bool) {
		return osPackage{format: "apk", name: fields["P"], version: fields["V"], arch: fields["A"], source: fields["o"]}, true
	}, false)
}

// parseStanzas parses stanzas of "key: value", which an empty line ends. If fold is set,
// keys are of either case, and a line that begins with a space continues the one before.
// Only the first line of a value is kept.
func parseStanzas(r io.Reader, parse func(map[string]string) (osPackage, bool), fold bool) ([]osPackage, error) {
	var all []osPackage
	fields := map[string]string{}
	flush := func() error {
		if len(fields) == 0 {
			return nil
		}
		p, ok := parse(fields)
		clear(fields)
		if !ok {
			return nil
		}
		if p.source == p.name {
			p.source = ""
		}
		if p.sourceVersion == p.version {
			p.sourceVersion = ""
		}
		if p.name == "" || p.version == "" {
			return fmt.Errorf("package %d has name %q and version %q, want both", len(all)+1, p.name, p.version)
		}
		if len(all) == maxPackages {
			return fmt.Errorf("more than %d packages", maxPackages)
		}
		all = append(all, p)
		return nil
	}
	err := lines(r, func(line string) error {
		if strings.TrimSpace(line) == "" {
			return flush()
		}
		key, value, ok := strings.Cut(line, ":")
		if fold {
			key = strings.ToLower(key)
		}
		if ok && wanted[key] {
			if _, twice := fields[key]; !twice {
				fields[key] = strings.Clone(strings.ToValidUTF8(strings.TrimSpace(value), "\uFFFD"))
			}
		}
		return nil
	})
	if err == nil {
		err = flush()
	}
	return all, err
}

// wanted are the keys that are read; dpkg's in lower case.
var wanted = map[string]bool{
	"package": true, "version": true, "architecture": true, "source": true, "status": true,
	"P": true, "V": true, "A": true, "o": true,
}

// lines calls f for each line, of which it keeps the first maxField bytes.
func lines(r io.Reader, f func(line string) error) error {
	br := bufio.NewReaderSize(r, maxField)
	for {
		line, more, err := br.ReadLine()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		text := string(line)
		for more && err == nil {
			_, more, err = br.ReadLine()
		}
		if err != nil && err != io.EOF {
			return err
		}
		if err := f(text); err != nil {
			return err
		}
	}
}

// An osRelease is what os-release(5) says about a distribution.
type osRelease struct{ id, version, name string }

func isOSRelease(name string) bool { return name == "etc/os-release" || name == "usr/lib/os-release" }

func parseOSRelease(r io.Reader) (osRelease, error) {
	var o osRelease
	err := lines(io.LimitReader(r, 1<<20), func(line string) error {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		value = strings.ToValidUTF8(value, "\uFFFD")
		for _, quote := range []string{`"`, "'"} {
			if len(value) >= 2 && strings.HasPrefix(value, quote) && strings.HasSuffix(value, quote) {
				value = value[1 : len(value)-1]
			}
		}
		switch key {
		case "ID":
			o.id = strings.ToLower(value)
		case "VERSION_ID":
			o.version = value
		case "PRETTY_NAME":
			o.name = value
		}
		return nil
	})
	return o, err
}
