package pkgrepo

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/deb"
	"github.com/jasonwzm/release-builder/tools/internal/artifact/openpgp"
	"github.com/jasonwzm/release-builder/tools/internal/artifact/release"
	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/publish"
)

// apt is the format of Debian's repositories (https://wiki.debian.org/DebianRepository/Format):
//
//	dists/SUITE/InRelease                                        the pointer
//	dists/SUITE/COMPONENT/binary-ARCH/by-hash/SHA256/DIGEST      Packages and Packages.gz
//	pool/COMPONENT/L/NAME/NAME_VERSION_ARCH.deb
//
// There is no Release with its Release.gpg, because two objects cannot move at once, and no
// Packages by its name: a reader in the middle of a run would see parts of two states. Every
// apt since 1.2 (2016) reads InRelease, and what it lists by hash.
type apt struct{ *Config }

// NewApt returns the destination for a release's Debian packages. The tree may be nil if only
// Verify is called.
func NewApt(ctx context.Context, c Config, tree *release.Tree) (publish.Destination, error) {
	return open(ctx, c, tree, func(c *Config) format { return apt{c} })
}

func (apt) kind() string            { return "deb" }
func (apt) compare(a, b string) int { return deb.Compare(a, b) }

// order is the order of entries in an index.
func (r *repository) order(a, b *entry) int {
	return cmp.Or(strings.Compare(a.list, b.list), strings.Compare(a.name, b.name), r.compare(a.version, b.version), strings.Compare(a.version, b.version), strings.Compare(a.arch, b.arch))
}

func (apt) read(r io.Reader, f release.File) (*entry, error) {
	p, err := deb.Read(r)
	if err != nil {
		return nil, err
	}
	p = slices.DeleteFunc(p, func(f deb.Field) bool { return slices.Contains(added, strings.ToLower(f.Name)) })
	p = append(p, deb.Field{Name: "Size", Value: strconv.FormatInt(f.Size, 10)}, deb.Field{Name: "SHA256", Value: f.Digest.Hex()})
	return &entry{name: p.Get("Package"), version: p.Get("Version"), arch: p.Get("Architecture"), parts: []string{p.String()}}, nil
}

// added are the fields that an index adds to those of a package.
var added = []string{"filename", "size", "sha256", "sha1", "sha512", "md5sum"}

func (a apt) targets(channel string, e *entry, _ []*entry) ([]target, error) {
	letter := e.name[:1]
	if strings.HasPrefix(e.name, "lib") && len(e.name) > 3 {
		letter = e.name[:4]
	}
	_, version, ok := strings.Cut(e.version, ":") // file names have no epoch
	if !ok {
		version = e.version
	}
	t := target{
		pointer: "dists/" + channel + "/InRelease",
		path:    path.Join("pool", a.Component, letter, e.name, e.name+"_"+version+"_"+e.arch+".deb"),
	}
	listed := *e
	listed.list = a.Component + "/binary-" + e.arch
	listed.parts = []string{e.parts[0] + "Filename: " + t.path + "\n"}
	t.entry = &listed
	return []target{t}, nil
}

// listed matches a file that InRelease lists: a list of packages.
var listed = regexp.MustCompile(`^([A-Za-z0-9][A-Za-z0-9._-]*/binary-[a-z0-9][a-z0-9-]*)/Packages(\.gz)?$`)

func (apt) parse(ctx context.Context, pointer string, data []byte, r *reading) (*index, error) {
	text, signer, err := r.ring.VerifyText(data, r.now)
	if err != nil {
		return nil, err
	}
	all, err := deb.Parse(text)
	if err != nil || len(all) != 1 {
		return nil, errors.Join(fmt.Errorf("got %d paragraphs, want one", len(all)), err)
	}
	x := &index{signer: signer}
	if x.time, err = time.Parse(time.RFC1123, all[0].Get("Date")); err != nil {
		return nil, fmt.Errorf("date: %w", err)
	}
	x.time = x.time.UTC()
	if all[0].Get("Acquire-By-Hash") != "yes" {
		return nil, errors.New("it was written by another program: got no Acquire-By-Hash: yes")
	}
	for _, line := range strings.Split(all[0].Get("SHA256"), "\n")[1:] {
		f := strings.Fields(line)
		if len(f) != 3 {
			return nil, fmt.Errorf("got line %.100q, want DIGEST SIZE PATH", line)
		}
		m := listed.FindStringSubmatch(f[2])
		if m == nil {
			return nil, fmt.Errorf("it was written by another program: it lists %q", f[2])
		}
		sum, err := digest.Parse("sha256:" + f[0])
		if err != nil {
			return nil, err
		}
		name := byHash(pointer, m[1], sum)
		data, err := r.file(ctx, name)
		if err != nil {
			return nil, err
		}
		if got := digest.FromBytes(data); got != sum || strconv.Itoa(len(data)) != f[1] {
			return nil, fmt.Errorf("%q: got %s of %d bytes, want %s of %s", name, got, len(data), sum, f[1])
		}
		if m[2] != "" {
			continue
		}
		some, err := aptEntries(m[1], data)
		if err != nil {
			return nil, fmt.Errorf("parsing %q: %w", name, err)
		}
		x.entries = append(x.entries, some...)
	}
	return x, nil
}

func byHash(pointer, list string, sum digest.Digest) string {
	return path.Join(path.Dir(pointer), list, "by-hash", "SHA256", sum.Hex())
}

func aptEntries(list string, data []byte) ([]*entry, error) {
	all, err := deb.Parse(data)
	if err != nil {
		return nil, err
	}
	var entries []*entry
	for _, p := range all {
		e := &entry{list: list, name: p.Get("Package"), version: p.Get("Version"), arch: p.Get("Architecture"), digest: "none", parts: []string{p.String()}}
		if sum := p.Get("SHA256"); sum != "" {
			e.digest = "sha256:" + sum
		}
		entries = append(entries, e)
	}
	return entries, nil
}

func (a apt) write(x *index, k *openpgp.Key) (*written, error) {
	w := &written{files: map[string][]byte{}}
	packages := map[string]*bytes.Buffer{}
	var lists, components, archs []string
	for _, e := range x.entries {
		if packages[e.list] == nil {
			packages[e.list] = &bytes.Buffer{}
			lists = append(lists, e.list)
			component, arch, _ := strings.Cut(e.list, "/binary-")
			components, archs = append(components, component), append(archs, arch)
		}
		packages[e.list].WriteString(e.parts[0] + "\n")
	}
	var sums strings.Builder
	for _, list := range lists {
		plain := packages[list].Bytes()
		packed, err := gzipped(plain)
		if err != nil {
			return nil, err
		}
		for _, f := range []struct {
			name string
			data []byte
		}{{"Packages", plain}, {"Packages.gz", packed}} {
			sum := digest.FromBytes(f.data)
			w.files[byHash(x.pointer, list, sum)] = f.data
			fmt.Fprintf(&sums, "\n %s %d %s/%s", sum.Hex(), len(f.data), list, f.name)
		}
	}
	suite := path.Base(path.Dir(x.pointer))
	words := func(all []string) string { slices.Sort(all); return strings.Join(slices.Compact(all), " ") }
	release := deb.Paragraph{
		{Name: "Origin", Value: a.Origin}, {Name: "Label", Value: a.Label}, {Name: "Suite", Value: suite}, {Name: "Codename", Value: suite},
		{Name: "Date", Value: x.time.UTC().Format(time.RFC1123)}, {Name: "Acquire-By-Hash", Value: "yes"},
		{Name: "Architectures", Value: words(archs)}, {Name: "Components", Value: words(components)},
		{Name: "Description", Value: cmp.Or(a.Description, "Packages of "+a.Origin)}, {Name: "SHA256", Value: sums.String()},
	}
	var err error
	w.pointer, err = k.ClearSign([]byte(release.String()), x.time)
	return w, err
}

// gzipped compresses data; the same data gives the same bytes.
func gzipped(data []byte) ([]byte, error) {
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err == nil {
		_, err = w.Write(data)
	}
	if err == nil {
		err = w.Close()
	}
	return b.Bytes(), err
}
