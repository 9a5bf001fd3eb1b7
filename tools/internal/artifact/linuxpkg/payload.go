package linuxpkg

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"net"
	"os"
	"path"
	"strconv"
	"strings"

	"github.com/cavaliergopher/cpio"
	"github.com/goreleaser/nfpm/v2"
	"github.com/goreleaser/nfpm/v2/deb"
	"github.com/goreleaser/nfpm/v2/rpm"
	"github.com/klauspost/compress/zstd"

	"github.com/jasonwzm/release-builder/tools/internal/base/fileio"
)

// nfpm has the files of a package in memory, and its payload in a buffer that grows by copying:
// that costs time and memory beside the compressor's. So nfpm writes a package whose files are
// empty, a skeleton, and the contents are put into it here: each is hashed and compressed as it
// is read. The bytes are those that nfpm writes (TestAsNFPM).

// copyBlock is how many bytes of a file are read at a time: few enough to be in the CPU's
// cache while they are hashed and compressed.
const copyBlock = 64 << 10

// fill writes files to the payload of a package.
type fill struct {
	ctx     context.Context
	sources map[string]string // path in the package → name of the file
	buf     []byte
}

// file copies the file that belongs at a path of the package. Before that it calls begin with
// its size in bytes.
func (f *fill) file(to io.Writer, source string, sum hash.Hash, begin func(size int64) error) (err error) {
	if err := f.ctx.Err(); err != nil {
		return err
	}
	src, err := os.Open(source)
	if err != nil {
		return err
	}
	defer src.Close()
	info, err := src.Stat()
	if err != nil {
		return err
	}
	if err := begin(info.Size()); err != nil {
		return err
	}
	var total int64
	for {
		n, err := src.Read(f.buf)
		total += int64(n)
		if err == io.EOF || total > info.Size() {
			break
		} else if err != nil {
			return err
		}
		sum.Write(f.buf[:n])
		if _, err := to.Write(f.buf[:n]); err != nil {
			return err
		}
	}
	if total != info.Size() {
		return fmt.Errorf("size of %q changed while it was read: it was %d bytes", source, info.Size())
	}
	return nil
}

// of returns the file that belongs at a path of the package, or "".
func (f *fill) of(name string) string { return f.sources[path.Join("/", name)] }

// A payload is compressed in memory: its size, and in an rpm its digest, are written before it.
type payload struct {
	chunks net.Buffers
	size   int64
	sum    hash.Hash // or nil
}

func (p *payload) Write(b []byte) (int, error) {
	p.chunks = append(p.chunks, bytes.Clone(b))
	p.size += int64(len(b))
	if p.sum != nil {
		p.sum.Write(b)
	}
	return len(b), nil
}

// compressed returns what write writes, as one zstd frame. It takes its digest with sum,
// which may be nil.
func compressed(sum hash.Hash, write func(z io.Writer) error) (*payload, error) {
	p := &payload{sum: sum}
	z, err := zstd.NewWriter(p, zstd.WithEncoderLevel(zstd.EncoderLevelFromZstd(compressionLevel)))
	if err != nil {
		return nil, err
	}
	a := fileio.WriteAhead(z)
	return p, errors.Join(write(a), a.Close(), z.Close())
}

// writeDeb writes a deb: an ar archive of debian-binary, control.tar.gz and data.tar.zst.
func (b *builder) writeDeb(ctx context.Context, w io.Writer, info *nfpm.Info) error {
	info.Deb.Compression = "none"
	var skeleton bytes.Buffer
	if err := deb.Default.Package(info, &skeleton); err != nil {
		return err
	}
	members, err := debMembers(skeleton.Bytes())
	if err != nil {
		return err
	}
	control, data := members["control.tar.gz"], members["data.tar"]
	var sums []string
	var size int64
	p, err := compressed(nil, func(z io.Writer) error {
		sums, size, err = b.fill(ctx).tar(z, data.content)
		return err
	})
	if err != nil {
		return err
	}
	if control.content, err = fillControl(control.content, sums, size); err != nil {
		return err
	}
	var head bytes.Buffer
	head.WriteString("!<arch>\n")
	members["debian-binary"].write(&head)
	control.write(&head)
	head.WriteString(data.head("data.tar.zst", p.size))
	if p.size%2 == 1 {
		p.chunks = append(p.chunks, []byte("\n"))
	}
	if _, err := head.WriteTo(w); err != nil {
		return err
	}
	_, err = p.chunks.WriteTo(w)
	return err
}

// A debMember is a file in an ar archive.
type debMember struct {
	header  string // 60 bytes
	content []byte
}

// debMembers returns the files of an archive that nfpm wrote.
func debMembers(data []byte) (map[string]debMember, error) {
	members := map[string]debMember{}
	for data = data[len("!<arch>\n"):]; len(data) > 60; {
		m := debMember{header: string(data[:60])}
		size, err := strconv.Atoi(strings.TrimSpace(m.header[48:58]))
		if err != nil || size > len(data)-60 {
			return nil, fmt.Errorf("reading what nfpm wrote: got the header %q", m.header)
		}
		m.content = data[60 : 60+size]
		members[strings.TrimSpace(m.header[:16])] = m
		data = data[min(60+size+size%2, len(data)):]
	}
	return members, nil
}

// head returns the header with another name and size.
func (m debMember) head(name string, size int64) string {
	return fmt.Sprintf("%-16s%s%-10d%s", name, m.header[16:48], size, m.header[58:])
}

func (m debMember) write(to *bytes.Buffer) {
	to.WriteString(m.head(strings.TrimSpace(m.header[:16]), int64(len(m.content))))
	to.Write(m.content)
	if len(m.content)%2 == 1 {
		to.WriteByte('\n')
	}
}

// tar writes the tar of a skeleton with the contents. It returns the MD5 sum of each, in
// order, and their size.
func (f *fill) tar(to io.Writer, skeleton []byte) (sums []string, size int64, err error) {
	tr, tw := tar.NewReader(bytes.NewReader(skeleton)), tar.NewWriter(to)
	for {
		h, err := tr.Next()
		if err == io.EOF {
			return sums, size, tw.Close()
		} else if err != nil {
			return nil, 0, err
		}
		source := f.of(h.Name)
		if source == "" {
			if err := tw.WriteHeader(h); err != nil {
				return nil, 0, err
			}
			continue
		}
		sum := md5.New()
		err = f.file(tw, source, sum, func(n int64) error {
			h.Size = n
			size += n
			return tw.WriteHeader(h)
		})
		if err != nil {
			return nil, 0, fmt.Errorf("packing %q: %w", h.Name, err)
		}
		sums = append(sums, hex.EncodeToString(sum.Sum(nil)))
	}
}

// fillControl puts the MD5 sums and the size of the contents into a control.tar.gz.
func fillControl(skeleton []byte, sums []string, size int64) ([]byte, error) {
	z, err := gzip.NewReader(bytes.NewReader(skeleton))
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	zw := gzip.NewWriter(&out)
	tw := tar.NewWriter(zw)
	err = rewrite(tw, z, func(name string, content []byte) ([]byte, error) {
		switch name {
		case "./control":
			content = bytes.Replace(content, []byte("\nInstalled-Size: 0\n"), fmt.Appendf(nil, "\nInstalled-Size: %d\n", size/1024), 1)
		case "./md5sums":
			lines := bytes.SplitAfter(content, []byte("\n"))
			if len(lines) != len(sums)+1 {
				return nil, fmt.Errorf("packing md5sums: got %d files, want %d", len(sums), len(lines)-1)
			}
			for i, sum := range sums {
				copy(lines[i], sum)
			}
			content = bytes.Join(lines, nil)
		}
		return content, nil
	})
	if err == nil {
		err = errors.Join(tw.Close(), zw.Close())
	}
	return out.Bytes(), err
}

// rewrite copies a tar, without the blocks at its end, with the contents that change returns.
func rewrite(tw *tar.Writer, r io.Reader, change func(name string, content []byte) ([]byte, error)) error {
	tr := tar.NewReader(r)
	for {
		h, err := tr.Next()
		if err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		content, err := io.ReadAll(tr)
		if err == nil {
			content, err = change(h.Name, content)
		}
		if err != nil {
			return err
		}
		h.Size = int64(len(content))
		if err := tw.WriteHeader(h); err != nil {
			return err
		}
		if _, err := tw.Write(content); err != nil {
			return err
		}
	}
}

// The tags of an rpm that depend on the contents, of the main header and of the signature's.
const (
	tagSize, tagFileSizes, tagFileDigests, tagPayloadDigest = 1009, 1028, 1035, 5092

	sigSHA256, sigSize, sigPayloadSize = 273, 1000, 1007

	rpmLead = 96 // bytes
)

// writeRPM writes an rpm: a lead, the header of the signature, the main header and a cpio.
func (b *builder) writeRPM(ctx context.Context, w io.Writer, info *nfpm.Info) error {
	var skeleton bytes.Buffer
	if err := rpm.DefaultRPM.Package(info, &skeleton); err != nil {
		return err
	}
	data := skeleton.Bytes()
	signature := rpmHeader(data[rpmLead:])
	at := rpmLead + signature.size()
	at += (8 - at%8) % 8 // the lead has a multiple of 8
	head := rpmHeader(data[at:])
	head = head[:head.size()]
	archive, err := zstd.NewReader(bytes.NewReader(data[at+len(head):]), zstd.WithDecoderConcurrency(1))
	if err != nil {
		return err
	}
	defer archive.Close()
	var size int64
	p, err := compressed(sha256.New(), func(z io.Writer) error {
		size, err = b.fill(ctx).cpio(z, archive, head)
		return err
	})
	if err != nil {
		return err
	}
	head.set(tagSize, 0, size)
	copy(head.value(tagPayloadDigest), hex.EncodeToString(p.sum.Sum(nil)))
	sum := sha256.Sum256(head)
	copy(signature.value(sigSHA256), hex.EncodeToString(sum[:]))
	signature.set(sigSize, 0, p.size+int64(len(head)))
	signature.set(sigPayloadSize, 0, size)
	if _, err := w.Write(data[:at+len(head)]); err != nil {
		return err
	}
	_, err = p.chunks.WriteTo(w)
	return err
}

// cpio writes the archive of a skeleton with the contents, and puts their sizes and digests
// into the header. It returns the size of all that is in the archive.
func (f *fill) cpio(to io.Writer, skeleton io.Reader, head rpmHeader) (total int64, err error) {
	cr, cw := cpio.NewReader(skeleton), cpio.NewWriter(to)
	digests := head.value(tagFileDigests) // each ends in a zero byte
	for i := 0; ; i++ {
		h, err := cr.Next()
		if err == io.EOF {
			return total, cw.Close()
		} else if err != nil {
			return 0, err
		}
		digest, rest, _ := bytes.Cut(digests, []byte{0})
		digests = rest
		out := &cpio.Header{Name: h.Name, Mode: h.Mode, Links: h.Links, Size: int64(len(h.Linkname))}
		source := f.of(h.Name)
		if source == "" {
			if err := cw.WriteHeader(out); err != nil {
				return 0, err
			}
			if _, err := io.WriteString(cw, h.Linkname); err != nil {
				return 0, err
			}
			total += out.Size
			continue
		}
		sum := sha256.New()
		err = f.file(cw, source, sum, func(n int64) error {
			out.Size = n
			total += n
			head.set(tagFileSizes, i, n)
			return cw.WriteHeader(out)
		})
		if err != nil {
			return 0, fmt.Errorf("packing %q: %w", h.Name, err)
		}
		copy(digest, hex.EncodeToString(sum.Sum(nil)))
	}
}

// An rpmHeader is the bytes of a header that nfpm wrote: https://rpm.org/docs/latest/format.html.
type rpmHeader []byte

func (h rpmHeader) number(at int) int { return int(binary.BigEndian.Uint32(h[at:])) }

// size returns the size in bytes.
func (h rpmHeader) size() int { return 16 + 16*h.number(8) + h.number(12) }

// value returns the bytes from the value of a tag to the end. The tag is there: nfpm writes
// all of those that are asked for.
func (h rpmHeader) value(tag int) []byte {
	for i := range h.number(8) {
		if entry := 16 + 16*i; h.number(entry) == tag {
			return h[16+16*h.number(8)+h.number(entry+8):]
		}
	}
	return nil
}

// set sets the number with an index in the value of a tag.
func (h rpmHeader) set(tag, index int, n int64) {
	binary.BigEndian.PutUint32(h.value(tag)[4*index:], uint32(n))
}
