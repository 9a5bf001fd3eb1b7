package pkgrepo

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/apk"
	"github.com/jasonwzm/release-builder/tools/internal/artifact/openpgp"
	"github.com/jasonwzm/release-builder/tools/internal/artifact/release"
	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/publish"
)

// alpine is the format of repositories for apk
// (https://wiki.alpinelinux.org/wiki/Apk_spec#APKINDEX_Format):
//
//	CHANNEL/ARCH/APKINDEX.tar.gz     the pointer, with its signature in it
//	CHANNEL/ARCH/NAME-VERSION.apk
//	NAME.rsa.pub                     the public key, for /etc/apk/keys
//
// An index identifies a package by the digest of its control segment, which has the digest of
// its files.
type alpine struct{ *Config }

// NewApk returns the destination for a release's packages of Alpine Linux. Its key has to be
// an RSA key. The tree may be nil if only Verify is called.
func NewApk(ctx context.Context, c Config, tree *release.Tree) (publish.Destination, error) {
	r, err := open(ctx, c, tree, func(c *Config) format { return alpine{c} })
	if err == nil && r.key != nil {
		_, err = r.key.PublicRSA() // before anything is written
	}
	return r, err
}

func (alpine) kind() string            { return "apk" }
func (alpine) compare(a, b string) int { return apk.Compare(a, b) }

// anyArch is the architecture of a package for all of them.
const anyArch = "noarch"

func (alpine) read(r io.Reader, f release.File) (*entry, error) {
	p, err := apk.Read(r)
	if err != nil {
		return nil, err
	}
	var b strings.Builder
	for _, field := range []struct{ letter, value string }{
		{"C", p.Checksum}, {"P", p.Name}, {"V", p.Version}, {"A", p.Arch}, {"S", strconv.FormatInt(f.Size, 10)}, {"I", p.Get("size")},
		{"T", p.Get("pkgdesc")}, {"U", p.Get("url")}, {"L", p.Get("license")}, {"o", p.Get("origin")}, {"m", p.Get("maintainer")},
		{"t", p.Get("builddate")}, {"c", p.Get("commit")}, {"k", p.Get("provider_priority")},
		{"D", strings.Join(p.Fields["depend"], " ")}, {"p", strings.Join(p.Fields["provides"], " ")}, {"i", strings.Join(p.Fields["install_if"], " ")},
	} {
		if field.value != "" {
			b.WriteString(field.letter + ":" + field.value + "\n")
		}
	}
	return &entry{name: p.Name, version: p.Version, arch: p.Arch, digest: p.Checksum, parts: []string{b.String()}}, nil
}

func (alpine) targets(channel string, e *entry, all []*entry) ([]target, error) {
	var archs []string
	for _, o := range all {
		if o.arch != anyArch && (e.arch == anyArch || e.arch == o.arch) {
			archs = append(archs, o.arch)
		}
	}
	slices.Sort(archs)
	if archs = slices.Compact(archs); len(archs) == 0 {
		return nil, errors.New("it is for any architecture, and no package of the release names one: an index is for one architecture")
	}
	var targets []target
	for _, arch := range archs {
		dir := channel + "/" + arch + "/"
		targets = append(targets, target{pointer: dir + "APKINDEX.tar.gz", path: dir + e.name + "-" + e.version + ".apk", entry: e})
	}
	return targets, nil
}

// The names of files in an index.
const (
	indexName   = "APKINDEX"
	description = "DESCRIPTION"
	signedWith  = ".SIGN.RSA."
)

func (alpine) parse(_ context.Context, _ string, data []byte, r *reading) (*index, error) {
	in := bytes.NewReader(data)
	z, err := gzip.NewReader(in)
	if err != nil {
		return nil, err
	}
	z.Multistream(false)
	head, err := io.ReadAll(io.LimitReader(z, 1<<20))
	if err != nil {
		return nil, fmt.Errorf("reading its signature: %w", err)
	}
	signed := data[len(data)-in.Len():]
	t := tar.NewReader(bytes.NewReader(head))
	h, err := t.Next()
	if err != nil || !strings.HasPrefix(h.Name, signedWith) {
		return nil, errors.New("it has no signature")
	}
	signature, err := io.ReadAll(t)
	if err != nil {
		return nil, fmt.Errorf("reading its signature: %w", err)
	}
	x := &index{}
	if x.signer, err = r.ring.VerifyRSA(signed, signature, r.now); err != nil {
		return nil, err
	}
	if z, err = gzip.NewReader(bytes.NewReader(signed)); err != nil {
		return nil, err
	}
	t = tar.NewReader(io.LimitReader(z, maxIndex))
	for {
		switch h, err = t.Next(); {
		case err == io.EOF:
			return nil, errors.New("it has no " + indexName)
		case err != nil:
			return nil, err
		case h.Name != indexName:
			continue
		}
		x.time = h.ModTime.UTC()
		text, err := io.ReadAll(t)
		if err != nil {
			return nil, err
		}
		return x, x.addPackages(string(text))
	}
}

// addPackages adds the packages of an APKINDEX, which empty lines separate.
func (x *index) addPackages(text string) error {
	for part := range strings.SplitSeq(text, "\n\n") {
		if part = strings.Trim(part, "\n"); part == "" {
			continue
		}
		e := &entry{parts: []string{part + "\n"}}
		for line := range strings.SplitSeq(part, "\n") {
			letter, value, ok := strings.Cut(line, ":")
			if !ok || len(letter) != 1 {
				return fmt.Errorf("got line %.100q, want LETTER:VALUE", line)
			}
			switch letter {
			case "C":
				e.digest = value
			case "P":
				e.name = value
			case "V":
				e.version = value
			case "A":
				e.arch = value
			}
		}
		x.entries = append(x.entries, e)
	}
	return nil
}

func (a alpine) write(x *index, k *openpgp.Key) (*written, error) {
	var text strings.Builder
	for _, e := range x.entries {
		text.WriteString(e.parts[0] + "\n")
	}
	about := a.Description
	if about == "" {
		about = "Packages of " + a.Origin
	}
	body, err := tarred(x, true, description, []byte(about+"\n"), indexName, []byte(text.String()))
	if err != nil {
		return nil, err
	}
	signature, err := k.SignRSA(body)
	if err != nil {
		return nil, err
	}
	public, err := k.PublicRSA()
	if err != nil {
		return nil, err
	}
	name := keyName(a.Origin, public)
	head, err := tarred(x, false, signedWith+name, signature)
	if err != nil {
		return nil, err
	}
	return &written{files: map[string][]byte{name: public}, pointer: append(head, body...)}, nil
}

// keyName is the name of the file in /etc/apk/keys, which is also in each signature.
func keyName(origin string, public []byte) string {
	word := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-' {
			return r
		}
		return '-'
	}, strings.ToLower(origin))
	return path.Clean(word) + "-" + digest.FromBytes(public).Hex()[:8] + ".rsa.pub"
}

// tarred returns files, given as names and contents, as a compressed archive. Only the last
// segment of an index has the end of an archive.
func tarred(x *index, last bool, files ...any) ([]byte, error) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for n := 0; n < len(files); n += 2 {
		name, data := files[n].(string), files[n+1].([]byte)
		err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(data)), ModTime: x.time, Format: tar.FormatUSTAR, Typeflag: tar.TypeReg, Uname: "root", Gname: "root"})
		if err == nil {
			_, err = w.Write(data)
		}
		if err != nil {
			return nil, err
		}
	}
	err := w.Flush()
	if last {
		err = w.Close()
	}
	if err != nil {
		return nil, err
	}
	return gzipped(b.Bytes())
}
