package compare

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"runtime"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/release"
)

// The bounds on looking into one file.
const (
	maxHeld     = 64 << 20  // bytes of one member that are held to look inside
	maxHeldAll  = 256 << 20 // bytes of all members that are held at one time
	maxRead     = 32 << 30  // bytes that are read or decompressed
	maxDepth    = 6         // archives in archives
	maxEntries  = 100_000   // of one archive
	maxNames    = 64 << 20  // bytes of an archive's names and headers
	maxReopened = 16        // times that an archive is read again, where the order differs
)

const arrow = " → "

func newHash() hash.Hash { return sha256.New() }

// content is something to look into: a file, or a member that was opened.
type content struct {
	size int64 // -1 where it is not known before the end
	open func(ctx context.Context) (io.ReadCloser, error)
	at   io.ReaderAt // nil where it can be read from its start only
}

// held returns data as content.
func held(data []byte) content {
	r := bytes.NewReader(data)
	return atContent(r, int64(len(data)))
}

func atContent(at io.ReaderAt, size int64) content {
	return content{size: size, at: at, open: func(context.Context) (io.ReadCloser, error) {
		return io.NopCloser(io.NewSectionReader(at, 0, size)), nil
	}}
}

// pair is the old and the new content of one member.
type pair struct {
	member   string
	old, new content
	depth    int
}

// in returns a member of p that is one level deeper.
func (p pair) in(member string, old, new content) pair {
	return pair{join(p.member, member), old, new, p.depth + 1}
}

func join(member, child string) string {
	if member == "" {
		return child
	}
	return member + arrow + child
}

// explainer looks into one file of a release. It is not for concurrent use.
type explainer struct {
	out  collector
	cpus []int // how many CPUs a build here would have seen
	held int64 // bytes in memory now
	read int64 // bytes so far
}

// errBound is what looking inside ends with where it would take too much.
var errBound = errors.New("too much to look inside")

// charge notes that n bytes were read.
func (e *explainer) charge(n int64) error {
	if e.read += n; e.read > maxRead {
		return fmt.Errorf("%w: more than %d bytes of content", errBound, int64(maxRead))
	}
	return nil
}

// explainAll fills in the differences of a report.
func explainAll(ctx context.Context, r *Report, old, new release.Source) error {
	if err := explainImages(ctx, r, old, new); err != nil {
		return err
	}
	for i := range r.Files {
		f := &r.Files[i]
		if f.State != Different || len(f.Differences) > 0 {
			continue
		}
		e := newExplainer()
		if err := e.file(ctx, f, old, new); err != nil {
			return err
		}
		f.Differences = e.out.differences()
	}
	followChecksums(r)
	return nil
}

func newExplainer() *explainer {
	return &explainer{cpus: []int{runtime.NumCPU(), runtime.GOMAXPROCS(0)}}
}

// followChecksums says that SHA256SUMS differs because what it lists does.
func followChecksums(r *Report) {
	for i := range r.Files {
		f := &r.Files[i]
		if f.Path != release.Checksums || f.State != Different {
			continue
		}
		for j := range r.Files {
			if j == i || r.Files[j].State == Equal {
				continue
			}
			for k := range f.Differences {
				f.Differences[k].Cause = "it lists the files that differ"
			}
		}
	}
}

// file explains one file that differs. Only an error of ctx, or of opening the
// file, ends the comparison.
func (e *explainer) file(ctx context.Context, f *FileResult, old, new release.Source) error {
	a, closeA, err := fileContent(ctx, old, f.Path, f.Old.Size)
	if err != nil {
		return err
	}
	defer closeA()
	b, closeB, err := fileContent(ctx, new, f.Path, f.New.Size)
	if err != nil {
		return err
	}
	defer closeB()
	return e.explain(ctx, pair{"", a, b, 0})
}

// fileContent opens a file of a release. A file of this machine is read in place;
// any other is read again from its start.
func fileContent(ctx context.Context, s release.Source, path string, size int64) (content, func(), error) {
	r, err := s.Open(ctx, path)
	if err != nil {
		return content{}, nil, fmt.Errorf("opening %q: %w", path, err)
	}
	if at, ok := r.(io.ReaderAt); ok {
		return atContent(at, size), func() { r.Close() }, nil
	}
	r.Close()
	open := func(ctx context.Context) (io.ReadCloser, error) { return s.Open(ctx, path) }
	return content{size: size, open: open}, func() {}, nil
}

// explain reports how the two contents of p differ, which it takes for granted.
// The error is ctx's.
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

// inside looks into p by what its first bytes are. It reports nothing, or too
// little, where it returns an error.
func (e *explainer) inside(ctx context.Context, p pair) error {
	olds, news, err := sniffBoth(ctx, p)
	if err != nil {
		return err
	}
	if olds != news && (olds != formatText || news != formatBinary) && (olds != formatBinary || news != formatText) {
		e.out.add(Difference{Member: p.member, What: "format", Old: string(olds), New: string(news)})
		return nil
	}
	if olds != news || p.depth > maxDepth {
		return nil
	}
	switch olds {
	case formatGzip:
		return e.gzip(ctx, p)
	case formatZstd:
		return e.zstd(ctx, p)
	case formatTar:
		return e.tar(ctx, p)
	}
	p, release, err := e.hold(ctx, p)
	defer release()
	if err != nil || p.old.at == nil || p.new.at == nil {
		return err
	}
	switch olds {
	case formatZip:
		return e.zip(ctx, p)
	case formatELF, formatMachO, formatPE:
		return e.program(ctx, p, olds)
	case formatText:
		return e.text(ctx, p)
	}
	return nil
}

// hold makes p readable at any place: what is not, and is small enough, is read
// into memory until release is called.
func (e *explainer) hold(ctx context.Context, p pair) (_ pair, release func(), err error) {
	var taken int64
	release = func() { e.held -= taken }
	for _, c := range []*content{&p.old, &p.new} {
		if c.at != nil {
			continue
		}
		if c.size > maxHeld || e.held+max(c.size, 0) > maxHeldAll {
			return p, release, nil
		}
		data, err := readUpTo(ctx, *c, min(maxHeld, maxHeldAll-e.held))
		if err != nil || data == nil {
			release()
			return p, func() {}, err
		}
		taken += int64(len(data))
		e.held += int64(len(data))
		if err := e.charge(int64(len(data))); err != nil {
			release()
			return p, func() {}, err
		}
		*c = held(data)
	}
	return p, release, nil
}

// readUpTo returns all of c, or nil if that is more than limit bytes.
func readUpTo(ctx context.Context, c content, limit int64) ([]byte, error) {
	r, err := c.open(ctx)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	buf := bytes.NewBuffer(make([]byte, 0, min(max(c.size, 0), limit)+bytes.MinRead))
	for {
		const step = 4 << 20
		n, err := io.CopyN(buf, r, step)
		switch {
		case err != nil && err != io.EOF:
			return nil, err
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case int64(buf.Len()) > limit:
			return nil, nil
		}
		if n < step {
			break
		}
	}
	return buf.Bytes(), nil
}

// collector keeps the first differences and counts the others.
type collector struct {
	kept  []Difference
	kinds map[[2]string]int
	count int
}

// The bounds on a file's list: all of it, and what is of one kind and cause, so
// that a thousand times do not hide the one path.
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

// last returns what was added last, if it was kept.
func (c *collector) last() Difference {
	if len(c.kept) == 0 {
		return Difference{}
	}
	return c.kept[len(c.kept)-1]
}

func (c *collector) differences() []Difference {
	if more := c.count - len(c.kept); more > 0 {
		return append(c.kept, Difference{What: fmt.Sprintf("and %d more", more)})
	}
	return c.kept
}
