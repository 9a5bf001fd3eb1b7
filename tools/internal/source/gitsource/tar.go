package gitsource

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"syscall"

	"github.com/jasonwzm/release-builder/tools/internal/source/sourcetar"
)

// Tree says what the canonical tar of a commit has, and what it leaves out.
type Tree struct {
	Size       int64       // the sum of the sizes of the files, in bytes
	Files      int         // files and symbolic links
	Submodules []Submodule // directories that are left empty, sorted by path
	LFS        []string    // the paths of Git LFS pointers, which stay pointers, sorted
	// CaseCollisions are the paths that differ only in case, sorted.
	CaseCollisions [][]string
}

// Submodule is another repository's commit in a tree.
type Submodule struct{ Path, Commit string }

const (
	batchSize  = 256
	maxListed  = 2 * sourcetar.MaxEntries // including what is left out
	pipeSize   = 1 << 20
	readBuffer = 256 << 10
	maxTarget  = 4096 // of a symbolic link, in bytes
)

// WriteTar writes the canonical tar of the commit, without the paths that match exclude. It
// has the same bytes as sourcetar.WriteFolder writes for a directory with the same content.
// Errors name the commit and the path.
func (r *Repo) WriteTar(ctx context.Context, w io.Writer, exclude []string) (*Tree, error) {
	p := &packer{repo: r, tar: sourcetar.NewWriter(w, sourcetar.Options{Exclude: exclude})}
	tree, err := p.run(ctx)
	if err != nil {
		return nil, fmt.Errorf("packing commit %s: %w", r.Commit, err)
	}
	return tree, nil
}

// packer runs one git to list the tree and another to print the objects, and writes objects
// as they arrive.
type packer struct {
	repo  *Repo
	tar   *sourcetar.Writer
	tree  Tree
	links bytes.Buffer
}

func (p *packer) run(ctx context.Context) (*Tree, error) {
	parent := ctx
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	cat := p.repo.start(ctx, offline(), "cat-file", "--batch", "--buffer")
	var stderr tail
	cat.Stderr = &stderr
	names, err := cat.StdinPipe()
	if err != nil {
		return nil, err
	}
	objects, printed, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer objects.Close()
	cat.Stdout = printed
	// git cat-file writes the line and the content of every blob separately, even with
	// --buffer. A read that blocks in the system is faster then than Go's poller; calling Fd
	// makes it block.
	growPipe(objects.Fd())
	err = launch(cat)
	if err := errors.Join(err, printed.Close()); err != nil {
		return nil, err
	}
	// There is room for every batch, so list never waits for write, which may wait for
	// objects that list has not asked for yet.
	batches := make(chan []treeEntry, sourcetar.MaxEntries/batchSize+2)
	listed := make(chan error, 1)
	go func() {
		listed <- p.list(ctx, cancel, names, batches)
	}()
	err = p.write(batches, bufio.NewReaderSize(objects, readBuffer))
	if err != nil {
		cancel()
	}
	listErr := <-listed
	waitErr := cat.Wait()
	switch {
	case parent.Err() != nil:
		return nil, parent.Err()
	case listErr != nil && !errors.Is(listErr, errStopped):
		return nil, listErr
	case err != nil && stderr.String() != "":
		return nil, fmt.Errorf("%w: %w", err, explain(waitErr, stderr.String()))
	case err != nil:
		return nil, err
	case waitErr != nil:
		return nil, explain(waitErr, stderr.String())
	}
	result, err := p.tar.Close()
	p.tree.Size, p.tree.Files, p.tree.LFS, p.tree.CaseCollisions = result.Size, result.Files, result.LFS, result.CaseCollisions
	return &p.tree, err
}

// errStopped means that the other side has failed.
var errStopped = errors.New("stopped")

// list sends the entries of the tree to batches and the names of their objects to names. It
// does not wait for either, so a tree that is too large is found before most of it is
// written. After an error it cancels ctx.
func (p *packer) list(ctx context.Context, cancel func(), names io.WriteCloser, batches chan<- []treeEntry) (err error) {
	defer close(batches)
	asks := make(chan []byte, cap(batches))
	asked := make(chan error, 1)
	go func() { asked <- ask(names, asks) }()
	err = p.listTree(ctx, batches, asks)
	if err != nil {
		cancel()
	}
	close(asks)
	askErr := <-asked
	return cmp.Or(err, askErr)
}

// ask writes the names it receives to git, then closes git's input.
func ask(names io.WriteCloser, asks <-chan []byte) error {
	for b := range asks {
		if _, err := names.Write(b); err != nil {
			_ = names.Close()
			return errStopped
		}
	}
	return names.Close()
}

func (p *packer) listTree(ctx context.Context, batches chan<- []treeEntry, asks chan<- []byte) error {
	ls := p.repo.start(ctx, offline(), "ls-tree", "-r", "-z", "--full-tree", p.repo.Commit)
	var stderr tail
	ls.Stderr = &stderr
	out, err := ls.StdoutPipe()
	if err != nil {
		return err
	}
	grow(out)
	if err := launch(ls); err != nil {
		return err
	}
	err = p.send(bufio.NewReaderSize(out, maxLine), batches, asks)
	if err != nil {
		_ = ls.Cancel()
	}
	waitErr := ls.Wait()
	switch {
	case ctx.Err() != nil:
		return cmp.Or(err, errStopped)
	case err != nil:
		return err
	case waitErr != nil:
		return explain(waitErr, stderr.String())
	}
	return nil
}

func (p *packer) send(tree *bufio.Reader, batches chan<- []treeEntry, asks chan<- []byte) error {
	var batch []treeEntry
	var names []byte
	flush := func() {
		batches <- batch
		asks <- names
		batch, names = make([]treeEntry, 0, batchSize), make([]byte, 0, batchSize*(sha256Digits+1))
	}
	blobs := 0
	for listed := 0; ; listed++ {
		e, err := readEntry(tree)
		if errors.Is(err, io.EOF) {
			flush()
			return nil
		}
		if err == nil && listed == maxListed {
			err = fmt.Errorf("the tree has more than %d entries", maxListed)
		}
		if err != nil {
			return err
		}
		if p.tar.Excludes(e.path) {
			continue
		}
		if e.mode == modeSubmodule {
			if err := p.submodule(e); err != nil {
				return err
			}
			continue
		}
		if blobs++; blobs > sourcetar.MaxEntries {
			return fmt.Errorf("the tree has more than %d files", sourcetar.MaxEntries)
		}
		batch = append(batch, e)
		names = append(append(names, e.object...), '\n')
		if len(batch) == batchSize {
			flush()
		}
	}
}

func (p *packer) submodule(e treeEntry) error {
	if err := sourcetar.CheckName(e.path); err != nil {
		return fmt.Errorf("path %.200q: %w", e.path, err)
	}
	if len(p.tree.Submodules) == sourcetar.MaxEntries {
		return fmt.Errorf("the tree has more than %d submodules", sourcetar.MaxEntries)
	}
	p.tree.Submodules = append(p.tree.Submodules, Submodule{e.path, e.object})
	return nil
}

// write writes the entries as their objects arrive.
func (p *packer) write(batches <-chan []treeEntry, objects *bufio.Reader) error {
	for batch := range batches {
		for i := range batch {
			if err := p.add(&batch[i], objects); err != nil {
				return err
			}
		}
	}
	return nil
}

// add reads "NAME blob SIZE\nCONTENT\n".
func (p *packer) add(e *treeEntry, objects *bufio.Reader) error {
	line, err := objects.ReadSlice('\n')
	if err != nil {
		return fmt.Errorf("path %q: reading object %s: %w", e.path, e.object, noEOF(err))
	}
	size, err := parseHeader(line, e.object)
	if err != nil {
		return fmt.Errorf("path %q: %w", e.path, err)
	}
	entry := sourcetar.Entry{Name: e.path, Mode: 0o644}
	switch e.mode {
	case modeProgram:
		entry.Mode = 0o755
	case modeLink:
		if size == 0 || size > maxTarget {
			return fmt.Errorf("symbolic link %q: its target has %d bytes: want 1 to %d", e.path, size, maxTarget)
		}
		p.links.Reset()
		if _, err := io.CopyN(&p.links, objects, size); err != nil {
			return fmt.Errorf("path %q: reading object %s: %w", e.path, e.object, noEOF(err))
		}
		entry.Link, size = p.links.String(), 0
	}
	if err := p.tar.Add(entry, size, objects); err != nil {
		return err
	}
	if c, err := objects.ReadByte(); err != nil || c != '\n' {
		return fmt.Errorf("path %q: reading object %s: it does not end after %d bytes", e.path, e.object, size)
	}
	return nil
}

// parseHeader returns the size of the blob that a line of git cat-file announces.
func parseHeader(line []byte, object string) (int64, error) {
	f := strings.Fields(string(line))
	switch {
	case len(f) == 2 && f[1] == "missing":
		return 0, fmt.Errorf("object %s is not in the repository", object)
	case len(f) != 3 || f[0] != object:
		return 0, fmt.Errorf("reading object %s: git cat-file printed %q", object, line)
	case f[1] != "blob":
		return 0, fmt.Errorf("object %s: got a %s, want a blob", object, f[1])
	}
	return strconv.ParseInt(f[2], 10, 64)
}

func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// grow gives a pipe from a process a larger buffer, if the system allows it.
func grow(pipe io.Reader) {
	f, ok := pipe.(syscall.Conn)
	if !ok {
		return
	}
	if conn, err := f.SyscallConn(); err == nil {
		_ = conn.Control(growPipe)
	}
}
