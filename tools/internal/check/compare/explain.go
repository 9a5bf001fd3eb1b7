package compare

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/release"
	"github.com/jasonwzm/release-builder/tools/internal/input/lockdiff"
)

// The bounds for one file.
const (
	maxHeld    = 64 << 20 // bytes of one member that are kept in memory to look for leaks
	maxText    = 8 << 20  // bytes of a text that is compared by line or as JSON
	maxSpooled = 8 << 30  // bytes that are kept decompressed at one time
	maxRead    = 32 << 30 // bytes that are decompressed in total
	maxDepth   = 6        // levels of archives in archives
	maxEntries = 100_000  // entries of one archive
	maxNames   = 64 << 20 // bytes of an archive's names and headers
)

const arrow = " → "

// content is the content of a file or member.
type content struct {
	at   io.ReaderAt
	size int64
}

func (c content) reader() *io.SectionReader { return io.NewSectionReader(c.at, 0, c.size) }

// bytes returns all of c, which must fit into memory.
func (c content) bytes() ([]byte, error) {
	data := make([]byte, c.size)
	_, err := io.ReadFull(c.reader(), data)
	return data, err
}

// pair is the old and the new content of one member.
type pair struct {
	member   string
	old, new content
	depth    int
}

func join(member, child string) string {
	if member == "" || child == "" {
		return member + child
	}
	return member + arrow + child
}

// both reads both sides of a pair.
func both[T any](p pair, what format, read func(content) (T, error)) (old, new T, err error) {
	if old, err = read(p.old); err != nil {
		return old, new, fmt.Errorf("reading the old %s: %w", what, err)
	}
	if new, err = read(p.new); err != nil {
		err = fmt.Errorf("reading the new %s: %w", what, err)
	}
	return old, new, err
}

// explainer finds the differences in one file of a release. It is not safe for concurrent use.
type explainer struct {
	out     collector
	seen    map[[2][32]byte]string // compared contents, and where they were
	closers []func()               // of open files
	spooled int64                  // decompressed bytes in open files
	read    int64                  // bytes decompressed so far
	buffer  []byte                 // used by copy
}

// errBound is returned, wrapped, when a bound is exceeded.
var errBound = errors.New("too much to look inside")

// copy copies fewer bytes than limit, within e's bounds.
func (e *explainer) copy(ctx context.Context, w io.Writer, r io.Reader, limit int64) (int64, error) {
	if e.buffer == nil {
		e.buffer = make([]byte, copyBuffer)
	}
	n, err := copyAll(ctx, w, r, e.buffer, min(limit, maxRead-e.read))
	e.read += n
	return n, err
}

// spool makes the content of a stream readable at any offset, until e.release.
func (e *explainer) spool(ctx context.Context, r io.Reader) (content, error) {
	f, err := os.CreateTemp("", "compare-*")
	if err != nil {
		return content{}, err
	}
	n, err := e.copy(ctx, f, r, maxSpooled-e.spooled)
	e.spooled += n
	e.closers = append(e.closers, func() {
		e.spooled -= n
		f.Close()
		os.Remove(f.Name())
	})
	return content{f, n}, err
}

// release closes what was opened, except the first keep files.
func (e *explainer) release(keep int) {
	for _, f := range e.closers[keep:] {
		f()
	}
	e.closers = e.closers[:keep]
}

// explainAll adds the differences to a report.
func explainAll(ctx context.Context, r *Report, oldSource, newSource release.Source) error {
	if err := explainImages(ctx, r, oldSource, newSource); err != nil {
		return err
	}
	for i := range r.Files {
		f := &r.Files[i]
		if f.State != lockdiff.Changed || len(f.Differences) > 0 {
			continue
		}
		e := new(explainer)
		if err := e.file(ctx, f, oldSource, newSource); err != nil {
			return err
		}
		f.Differences = e.out.differences()
	}
	followChecksums(r)
	return nil
}

// followChecksums explains a difference of SHA256SUMS by the files that it lists.
func followChecksums(r *Report) {
	others := false
	for _, f := range r.Files {
		others = others || f.Path != release.Checksums && f.State != lockdiff.Same
	}
	for i := range r.Files {
		if f := &r.Files[i]; f.Path == release.Checksums && f.State == lockdiff.Changed && others {
			for k := range f.Differences {
				f.Differences[k].Cause = "it lists the files that differ"
			}
		}
	}
}

// file explains one file that differs. Its error is ctx's, or from opening the file.
func (e *explainer) file(ctx context.Context, f *FileResult, old, new release.Source) error {
	defer e.release(0)
	a, err := e.open(ctx, old, f.Path, f.Old.Size)
	if err != nil {
		return err
	}
	b, err := e.open(ctx, new, f.Path, f.New.Size)
	if err != nil {
		return err
	}
	return e.explain(ctx, pair{"", a, b, 0})
}

// open opens a file of a release until e.release. A local file is read in place; any other
// file is copied.
func (e *explainer) open(ctx context.Context, s release.Source, path string, size int64) (content, error) {
	r, err := s.Open(ctx, path)
	if err != nil {
		return content{}, fmt.Errorf("opening %q: %w", path, err)
	}
	if at, ok := r.(io.ReaderAt); ok {
		e.closers = append(e.closers, func() { r.Close() })
		return content{at, size}, nil
	}
	defer r.Close()
	return e.spool(ctx, r)
}

// explain reports how the two contents of p differ; they must not be equal. The error is
// ctx's.
func (e *explainer) explain(ctx context.Context, p pair) error {
	if e.out.full() {
		e.out.add(Difference{Member: p.member, What: "content"})
		return nil
	}
	before := e.out.count
	err := e.inside(ctx, p)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		e.out.add(Difference{Member: p.member, What: "format", New: printable(err.Error()), Cause: "compared byte by byte"})
		err = e.plain(ctx, p)
	case e.out.count == before:
		err = e.plain(ctx, p)
	}
	if err != nil && ctx.Err() == nil {
		e.out.add(Difference{Member: p.member, What: "content", New: printable(err.Error())})
		err = nil
	}
	return err
}

// inside compares p according to its first bytes. If it returns an error, it has reported
// nothing or too little.
func (e *explainer) inside(ctx context.Context, p pair) error {
	old, new, err := both(p, "content", sniff)
	if err != nil {
		return err
	}
	if old != new && (old != formatText || new != formatBinary) && (old != formatBinary || new != formatText) {
		e.out.add(Difference{Member: p.member, What: "format", Old: string(old), New: string(new)})
		return nil
	}
	if old != new || p.depth > maxDepth {
		return nil
	}
	defer e.release(len(e.closers))
	switch old {
	case formatGzip, formatZstd, formatXz:
		return e.compressed(ctx, p, old)
	case formatTar:
		return e.tar(ctx, p)
	case formatZip:
		return e.zip(ctx, p)
	case formatELF, formatMachO, formatPE:
		return e.program(ctx, p, old)
	case formatText:
		return e.text(p)
	}
	return nil
}

// collector keeps the first differences and counts the others.
type collector struct {
	kept  []Difference
	kinds map[[2]string]int
	count int
}

// The bounds of a file's list: the total, and for one kind and cause, so that a thousand times
// do not hide one path.
const (
	maxDifferences = 100
	maxKind        = 25
)

func (c *collector) full() bool { return len(c.kept) >= maxDifferences-1 }

func (c *collector) add(d Difference) {
	c.count++
	kind, _, _ := strings.Cut(d.What, " ")
	key := [2]string{kind, d.Cause}
	if c.kinds == nil {
		c.kinds = map[[2]string]int{}
	}
	if c.full() || c.kinds[key] >= maxKind {
		return
	}
	c.kinds[key]++
	d.Member, d.What = limited(d.Member, 1000), limited(d.What, 200)
	c.kept = append(c.kept, d)
}

func (c *collector) differences() []Difference {
	if more := c.count - len(c.kept); more > 0 {
		return append(c.kept, Difference{What: fmt.Sprintf("and %d more", more)})
	}
	return c.kept
}
