//go:build linux

package hostile

import (
	"bytes"
	"compress/zlib"
	"crypto/sha1"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
)

// The types of a pack's objects: https://git-scm.com/docs/pack-format.
const (
	commitObject   = 1
	treeObject     = 2
	blobObject     = 3
	tagObject      = 4
	refDeltaObject = 7
)

// packed is an object of a pack.
type packed struct {
	kind   int
	size   int64  // the size in the pack
	base   string // the name of a delta's base in hexadecimal
	stream []byte // zlib
	name   string // in hexadecimal; empty for a delta
}

// object makes a valid object.
func object(kind int, content []byte) packed {
	var z bytes.Buffer
	w := zlib.NewWriter(&z)
	_, _ = w.Write(content)
	_ = w.Close()
	types := map[int]string{commitObject: "commit", treeObject: "tree", blobObject: "blob", tagObject: "tag"}
	name := sha1.Sum(append(fmt.Appendf(nil, "%s %d\x00", types[kind], len(content)), content...))
	return packed{kind: kind, size: int64(len(content)), stream: z.Bytes(), name: hex.EncodeToString(name[:])}
}

func commitOf(tree string) packed {
	who := "A U Thor <author@example.com> 1700000000 +0000"
	return object(commitObject, fmt.Appendf(nil, "tree %s\nauthor %s\ncommitter %s\n\nhostile\n", tree, who, who))
}

func treeOf(entries ...treeEntry) packed {
	var b bytes.Buffer
	for _, e := range entries {
		id, _ := hex.DecodeString(e.ID)
		fmt.Fprintf(&b, "%s %s\x00%s", e.Mode, e.Name, id)
	}
	return object(treeObject, b.Bytes())
}

// zeros makes an object of size zeros. Its zlib stream has about a thousandth of the size.
func zeros(kind int, size int64) packed {
	const chunk = 8 << 20
	var z bytes.Buffer
	w, _ := zlib.NewWriterLevel(&z, zlib.BestCompression)
	_, _ = w.Write(make([]byte, chunk))
	_ = w.Flush()
	first := z.Len()
	stream := append(z.Bytes()[:2:2], bytes.Repeat(z.Bytes()[2:first], int(size/chunk))...)
	stream = append(stream, 0x03, 0x00) // the last block, empty
	adler := uint32(size%65521)<<16 | 1
	stream = binary.BigEndian.AppendUint32(stream, adler)
	return packed{kind: kind, size: size, stream: stream, name: strings.Repeat("5", 40)}
}

// delta makes size bytes from a base of baseSize bytes by repeated copying.
func delta(base string, baseSize, size int64) packed {
	var d []byte
	varint := func(n int64) {
		for ; n >= 0x80; n >>= 7 {
			d = append(d, byte(n)|0x80)
		}
		d = append(d, byte(n))
	}
	varint(baseSize)
	varint(size)
	for left := size; left > 0; {
		n := min(left, baseSize, 0xffffff)
		d = append(d, 0x80|0x70, byte(n), byte(n>>8), byte(n>>16))
		left -= n
	}
	p := object(blobObject, d)
	p.kind, p.base, p.name = refDeltaObject, base, ""
	return p
}

// entry returns the object's entry in a pack.
func (o packed) entry() []byte {
	n := o.size
	c := byte(o.kind<<4) | byte(n&15)
	b := []byte{}
	for n >>= 4; n > 0; n >>= 7 {
		b = append(b, c|0x80)
		c = byte(n & 0x7f)
	}
	b = append(b, c)
	base, _ := hex.DecodeString(o.base)
	return append(append(b, base...), o.stream...)
}

func packHead(n int) []byte {
	return binary.BigEndian.AppendUint32([]byte("PACK\x00\x00\x00\x02"), uint32(n))
}

// packOf returns a pack of objects.
func packOf(objects ...packed) []byte {
	b := packHead(len(objects))
	for _, o := range objects {
		b = append(b, o.entry()...)
	}
	sum := sha1.Sum(b)
	return append(b, sum[:]...)
}

// indexOf returns the index (version 2) of a pack, with the objects' declared names, right or
// wrong.
func indexOf(objects ...packed) []byte {
	type line struct {
		name   []byte
		crc    uint32
		offset uint32
	}
	var lines []line
	offset := len(packHead(0))
	for _, o := range objects {
		name, _ := hex.DecodeString(o.name)
		e := o.entry()
		lines = append(lines, line{name, crc32.ChecksumIEEE(e), uint32(offset)})
		offset += len(e)
	}
	slices.SortFunc(lines, func(a, b line) int { return bytes.Compare(a.name, b.name) })
	b := []byte("\xfftOc\x00\x00\x00\x02")
	for i := range 256 {
		n := 0
		for _, l := range lines {
			if int(l.name[0]) <= i {
				n++
			}
		}
		b = binary.BigEndian.AppendUint32(b, uint32(n))
	}
	for _, l := range lines {
		b = append(b, l.name...)
	}
	for _, l := range lines {
		b = binary.BigEndian.AppendUint32(b, l.crc)
	}
	for _, l := range lines {
		b = binary.BigEndian.AppendUint32(b, l.offset)
	}
	pack := packOf(objects...)
	b = append(b, pack[len(pack)-sha1.Size:]...)
	sum := sha1.Sum(b)
	return append(b, sum[:]...)
}

// localRepo makes a repository in the directory in. HEAD is the last object.
func (p *prep) localRepo(objects ...packed) {
	p.Helper()
	pack := packOf(objects...)
	name := "git/objects/pack/pack-" + hex.EncodeToString(pack[len(pack)-sha1.Size:])
	p.file(name+".pack", pack)
	p.file(name+".idx", indexOf(objects...))
	p.file("git/HEAD", []byte("ref: refs/heads/main\n"))
	p.file("git/config", []byte("[core]\n\trepositoryformatversion = 0\n\tbare = true\n"))
	head := objects[len(objects)-1].name
	p.file("git/refs/heads/main", []byte(head+"\n"))
	p.set("commit", head)
}

// serveRepo makes the git server serve the objects. The branch main is at the last one.
func (p *prep) serveRepo(objects ...packed) {
	p.Helper()
	r := p.world.server().Repo(fmt.Sprintf("packs/%x", sha1.Sum([]byte(p.Name()))))
	cmd := exec.CommandContext(p.Context(), "git", "index-pack", "--stdin")
	cmd.Dir, cmd.Stdin, cmd.Env = r.Dir, bytes.NewReader(packOf(objects...)), append(os.Environ(), "HOME="+p.base)
	if out, err := cmd.CombinedOutput(); err != nil {
		p.Fatalf("git index-pack: %v: %s", err, out)
	}
	head := objects[len(objects)-1].name
	r.Git("update-ref", "--no-deref", "refs/keep/main", objects[len(objects)-1].name)
	p.set("commit", head)
	p.set("url", p.world.server().URL(r.Name))
}

// packs are objects that are too large, too many or too deep.
func packs() []hazard {
	var all []hazard
	add := func(name, want string, feed func(*cell) error, prepare func(*prep)) {
		all = append(all, hazard{name: name, want: want, feed: feed, prepare: prepare})
	}
	blob := object(blobObject, []byte("evil"))
	file := func(name string) treeEntry { return treeEntry{Mode: "100644", Name: name, ID: blob.name} }
	add("tree bomb", `packing commit {commit}: the tree has more than 500000 files`, fetchCommit, func(p *prep) {
		objects := []packed{blob, treeOf(file("f"))}
		for range 10 {
			var ten tree
			for i := range 10 {
				ten = append(ten, treeEntry{Mode: "40000", Name: fmt.Sprint(i), ID: objects[len(objects)-1].name})
			}
			objects = append(objects, treeOf(ten...))
		}
		p.serveRepo(append(objects, commitOf(objects[len(objects)-1].name))...)
	})
	add("a million entries", `packing commit {commit}: the tree has more than 500000 files`, fetchCommit, func(p *prep) {
		var entries tree
		for i := range 1_000_000 {
			entries = append(entries, file(fmt.Sprintf("%07d", i)))
		}
		t := treeOf(entries...)
		p.serveRepo(blob, t, commitOf(t.name))
	})
	add("a million submodules", `packing commit {commit}: the tree has more than 500000 submodules`, fetchCommit, func(p *prep) {
		var entries tree
		for i := range 1_000_000 {
			entries = append(entries, treeEntry{Mode: "160000", Name: fmt.Sprintf("%07d", i), ID: strings.Repeat("1", 40)})
		}
		t := treeOf(entries...)
		p.serveRepo(t, commitOf(t.name))
	})
	add("links of 80 MB to one place", `packing commit {commit}: the tree's paths and links have more than 67108864 bytes`, fetchCommit, func(p *prep) {
		target := object(blobObject, bytes.Repeat([]byte("b/"), 2000))
		var entries tree
		for i := range 20_000 {
			entries = append(entries, treeEntry{Mode: "120000", Name: fmt.Sprintf("%05d", i), ID: target.name})
		}
		t := treeOf(entries...)
		p.serveRepo(target, t, commitOf(t.name))
	})
	add("10,000 levels", `{commit}`, fetchCommit, func(p *prep) {
		objects := []packed{blob, treeOf(file("f"))}
		for range 10_000 {
			objects = append(objects, treeOf(treeEntry{Mode: "40000", Name: "d", ID: objects[len(objects)-1].name}))
		}
		p.serveRepo(append(objects, commitOf(objects[len(objects)-1].name))...)
	})
	add("300 levels of long names", `packing commit {commit}: path "dddd`, fetchCommit, func(p *prep) {
		objects := []packed{blob, treeOf(file("f"))}
		for range 300 {
			objects = append(objects, treeOf(treeEntry{Mode: "40000", Name: strings.Repeat("d", 250), ID: objects[len(objects)-1].name}))
		}
		p.serveRepo(append(objects, commitOf(objects[len(objects)-1].name))...)
	})
	add("blob of 10 GiB", `packing commit {commit}: path "zeros": the tree has more than 8589934592 bytes`, packLocal, func(p *prep) {
		big := zeros(blobObject, 10<<30)
		t := treeOf(treeEntry{Mode: "100644", Name: "zeros", ID: big.name})
		p.localRepo(big, t, commitOf(t.name))
	})
	add("link of 10 GiB", `packing commit {commit}: symbolic link "zeros": its target has 10737418240 bytes`, packLocal, func(p *prep) {
		big := zeros(blobObject, 10<<30)
		t := treeOf(treeEntry{Mode: "120000", Name: "zeros", ID: big.name})
		p.localRepo(big, t, commitOf(t.name))
	})
	add("blob that lies about its size", `packing commit {commit}: "zeros" changed while it was read: got`, packLocal, func(p *prep) {
		big := zeros(blobObject, 64<<20)
		big.size *= 2
		t := treeOf(treeEntry{Mode: "100644", Name: "zeros", ID: big.name})
		p.localRepo(big, t, commitOf(t.name))
	})
	add("delta bomb, here", `the fetch is too large: git says: fatal: attempting to allocate 4294967297`, packLocal, func(p *prep) {
		base := zeros(blobObject, 16<<20)
		d := delta(base.name, base.size, 4<<30)
		d.name = strings.Repeat("6", 40)
		t := treeOf(treeEntry{Mode: "100644", Name: "zeros", ID: d.name})
		p.localRepo(base, d, t, commitOf(t.name))
	})
	add("commit of 10 GiB", `opening repository "{base}/in/git": HEAD is not a commit: the fetch is too large`, packLocal, func(p *prep) {
		big := zeros(commitObject, 10<<30)
		p.localRepo(big)
	})
	add("tree of 10 GiB", `packing commit {commit}: `, packLocal, func(p *prep) {
		big := zeros(treeObject, 10<<30)
		p.localRepo(big, commitOf(big.name))
	})
	add("commit that is a blob", `opening repository "{base}/in/git": HEAD is not a commit`, packLocal, func(p *prep) { p.localRepo(blob) })
	return all
}

var _ io.Writer
