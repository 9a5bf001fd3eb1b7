package pkgrepo

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"path"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/openpgp"
	"github.com/jasonwzm/release-builder/tools/internal/artifact/release"
	"github.com/jasonwzm/release-builder/tools/internal/artifact/rpm"
	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/publish"
)

// yum is the format of repositories for dnf, yum and zypper
// (https://github.com/rpm-software-management/createrepo_c, https://rpm-software-management.github.io/librepo):
//
//	CHANNEL/mirrorlist                                           the pointer
//	CHANNEL/by-hash/DIGEST/repodata/repomd.xml, repomd.xml.asc
//	CHANNEL/by-hash/DIGEST/repodata/DIGEST-primary.xml.gz, …
//	CHANNEL/Packages/L/NAME-VERSION-RELEASE.ARCH.rpm
//
// A client reads repomd.xml, then its signature: two objects, which cannot move at once, and
// dnf 5 refuses a file with two signatures, such as those of the states before and after. So
// each state has a directory of its own, named by the digest of both, and the pointer is the
// list of mirrors, which has the URL of one directory.
//
// Packages are not signed themselves: a signed package is another file than the release's.
// The signed repomd.xml leads to the digest of each package.
type yum struct{ *Config }

// NewYum returns the destination for a release's RPM packages. The tree may be nil if only
// Verify is called.
func NewYum(ctx context.Context, c Config, tree *release.Tree) (publish.Destination, error) {
	return open(ctx, c, tree, func(c *Config) format { return yum{c} })
}

func (yum) kind() string            { return "rpm" }
func (yum) compare(a, b string) int { return rpm.Compare(a, b) }

func (yum) read(r io.Reader, f release.File) (*entry, error) {
	p, err := rpm.Read(r)
	if err != nil {
		return nil, err
	}
	e := &entry{name: p.Name, version: p.EVR(), arch: p.Arch}
	e.parts = []string{primary(p, f, "../../"+rpmFile(p)), filelists(p, f), other(p, f)}
	return e, nil
}

// rpmFile returns the path of a package's file in a channel.
func rpmFile(p *rpm.Package) string {
	return "Packages/" + strings.ToLower(p.Name[:1]) + "/" + p.Name + "-" + p.Version + "-" + p.Release + "." + p.Arch + ".rpm"
}

func (yum) targets(channel string, e *entry, _ []*entry) ([]target, error) {
	_, version, ok := strings.Cut(e.version, ":") // file names have no epoch
	if !ok {
		version = e.version
	}
	file := path.Join(channel, "Packages", strings.ToLower(e.name[:1]), e.name+"-"+version+"."+e.arch+".rpm")
	return []target{{pointer: channel + "/mirrorlist", path: file, entry: e}}, nil
}

// repomd is the content of repomd.xml.
type repomd struct {
	XMLName  xml.Name     `xml:"http://linux.duke.edu/metadata/repo repomd"`
	Revision int64        `xml:"revision"`
	Data     []repomdData `xml:"data"`
}

type repomdData struct {
	Type     string    `xml:"type,attr"`
	Checksum repomdSum `xml:"checksum"`
	Open     repomdSum `xml:"open-checksum"`
	Location struct {
		Href string `xml:"href,attr"`
	} `xml:"location"`
	Timestamp int64 `xml:"timestamp"`
	Size      int   `xml:"size"`
	OpenSize  int   `xml:"open-size"`
}

type repomdSum struct {
	Type string `xml:"type,attr"`
	Hex  string `xml:",chardata"`
}

// lists are the files of an index: their types, and the elements that they consist of.
var lists = []struct{ kind, root, namespaces string }{
	{"primary", "metadata", `xmlns="http://linux.duke.edu/metadata/common" xmlns:rpm="http://linux.duke.edu/metadata/rpm"`},
	{"filelists", "filelists", `xmlns="http://linux.duke.edu/metadata/filelists"`},
	{"other", "otherdata", `xmlns="http://linux.duke.edu/metadata/other"`},
}

func (y yum) url(pointer, id string) string {
	return y.Base + "/" + path.Join(path.Dir(pointer), "by-hash", id) + "/"
}

// snapshot matches the URL of a directory with a state.
var snapshot = regexp.MustCompile(`/by-hash/([0-9a-f]{64})/$`)

func (y yum) parse(ctx context.Context, pointer string, data []byte, r *reading) (*index, error) {
	url := strings.TrimSpace(string(data))
	m := snapshot.FindStringSubmatch(url)
	if m == nil || strings.ContainsAny(url, " \n") {
		return nil, fmt.Errorf("it was written by another program: got %.100q, want the URL of one directory", url)
	}
	dir := path.Join(path.Dir(pointer), "by-hash", m[1])
	md, err := r.file(ctx, dir+"/repodata/repomd.xml")
	if err != nil {
		return nil, err
	}
	signature, err := r.file(ctx, dir+"/repodata/repomd.xml.asc")
	if err != nil {
		return nil, err
	}
	x := &index{}
	if x.signer, err = r.ring.Verify(md, signature, r.now); err != nil {
		return nil, fmt.Errorf("%s/repodata/repomd.xml: %w", dir, err)
	}
	var doc repomd
	if err := xml.Unmarshal(md, &doc); err != nil {
		return nil, fmt.Errorf("parsing %s/repodata/repomd.xml: %w", dir, err)
	}
	x.time = time.Unix(doc.Revision, 0).UTC()
	if url != y.url(pointer, m[1]) {
		x.stale = "the URL " + url
	}
	if len(doc.Data) != len(lists) {
		return nil, fmt.Errorf("%s/repodata/repomd.xml: got %d files, want %d", dir, len(doc.Data), len(lists))
	}
	for n, d := range doc.Data {
		plain, err := y.list(ctx, dir, d, r)
		if err == nil {
			err = x.addParts(n, plain)
		}
		if err != nil {
			return nil, fmt.Errorf("parsing %s/%s: %w", dir, d.Location.Href, err)
		}
	}
	return x, nil
}

// list reads a file of an index, and checks its digests.
func (yum) list(ctx context.Context, dir string, d repomdData, r *reading) ([]byte, error) {
	if path.Clean(d.Location.Href) != d.Location.Href || path.Dir(d.Location.Href) != "repodata" {
		return nil, errors.New("want a file in repodata")
	}
	packed, err := r.file(ctx, dir+"/"+d.Location.Href)
	if err != nil {
		return nil, err
	}
	if got := digest.FromBytes(packed); got.Hex() != d.Checksum.Hex {
		return nil, fmt.Errorf("got %s, want %s", got, d.Checksum.Hex)
	}
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	plain, err := io.ReadAll(io.LimitReader(z, maxIndex+1))
	if got := digest.FromBytes(plain); err == nil && (len(plain) > maxIndex || got.Hex() != d.Open.Hex) {
		err = fmt.Errorf("content: got %s, want %s", got, d.Open.Hex)
	}
	return plain, err
}

// addParts adds the parts of all packages in one of the lists.
func (x *index) addParts(n int, data []byte) error {
	parts, err := elements(data, lists[n].root)
	if err != nil {
		return err
	}
	if n > 0 && len(parts) != len(x.entries) {
		return fmt.Errorf("got %d packages, want %d", len(parts), len(x.entries))
	}
	for at, part := range parts {
		var p struct {
			ID       string `xml:"pkgid,attr"`
			Name     string `xml:"name"`
			Arch     string `xml:"arch"`
			Checksum string `xml:"checksum"`
			Version  struct {
				Epoch string `xml:"epoch,attr"`
				Ver   string `xml:"ver,attr"`
				Rel   string `xml:"rel,attr"`
			} `xml:"version"`
		}
		if err := xml.Unmarshal([]byte(part), &p); err != nil {
			return err
		}
		if n == 0 {
			e := &entry{name: p.Name, arch: p.Arch, version: p.Version.Ver + "-" + p.Version.Rel, digest: "sha256:" + p.Checksum}
			if p.Version.Epoch != "0" {
				e.version = p.Version.Epoch + ":" + e.version
			}
			x.entries = append(x.entries, e)
		} else if "sha256:"+p.ID != x.entries[at].digest {
			return fmt.Errorf("package %d: got %s, want %s", at+1, p.ID, x.entries[at].digest)
		}
		x.entries[at].parts = append(x.entries[at].parts, part+"\n")
	}
	return nil
}

// elements returns the elements below the root of a document, as they are written.
func elements(data []byte, root string) ([]string, error) {
	var all []string
	d := xml.NewDecoder(bytes.NewReader(data))
	depth := 0
	var begin int64
	for {
		at := d.InputOffset()
		t, err := d.RawToken()
		if err == io.EOF && depth == 0 {
			return all, nil
		} else if err != nil {
			return nil, err
		}
		switch t := t.(type) {
		case xml.StartElement:
			if depth == 0 && t.Name.Local != root || depth == 1 && t.Name.Local != "package" {
				return nil, fmt.Errorf("got element %q", t.Name.Local)
			}
			if depth == 1 {
				begin = at
			}
			depth++
		case xml.EndElement:
			if depth--; depth == 1 {
				all = append(all, string(data[begin:d.InputOffset()]))
			}
		}
	}
}

func (y yum) write(x *index, k *openpgp.Key) (*written, error) {
	doc := &repomd{Revision: x.time.Unix()}
	files := map[string][]byte{}
	for n, l := range lists {
		var b bytes.Buffer
		fmt.Fprintf(&b, "%s<%s %s packages=\"%d\">\n", xml.Header, l.root, l.namespaces, len(x.entries))
		for _, e := range x.entries {
			b.WriteString(e.parts[n])
		}
		fmt.Fprintf(&b, "</%s>\n", l.root)
		packed, err := gzipped(b.Bytes())
		if err != nil {
			return nil, err
		}
		sum := digest.FromBytes(packed)
		d := repomdData{
			Type: l.kind, Checksum: repomdSum{"sha256", sum.Hex()}, Open: repomdSum{"sha256", digest.FromBytes(b.Bytes()).Hex()},
			Timestamp: x.time.Unix(), Size: len(packed), OpenSize: b.Len(),
		}
		d.Location.Href = "repodata/" + sum.Hex() + "-" + l.kind + ".xml.gz"
		doc.Data = append(doc.Data, d)
		files[d.Location.Href] = packed
	}
	md, err := xml.MarshalIndent(doc, "", "  ")
	if err != nil {
		return nil, err
	}
	md = append(append([]byte(xml.Header), md...), '\n')
	signature, err := k.Sign(md, x.time)
	if err != nil {
		return nil, err
	}
	files["repodata/repomd.xml"], files["repodata/repomd.xml.asc"] = md, signature
	id := digest.FromBytes([]byte(strconv.Itoa(len(md)) + "\n" + string(md) + string(signature))).Hex()
	w := &written{files: map[string][]byte{}, pointer: []byte(y.url(x.pointer, id) + "\n")}
	for name, data := range files {
		w.files[path.Join(path.Dir(x.pointer), "by-hash", id, name)] = data
	}
	return w, nil
}
