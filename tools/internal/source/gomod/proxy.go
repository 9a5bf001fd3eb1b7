package gomod

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"os"
	"strings"

	"golang.org/x/mod/module"
	"golang.org/x/mod/sumdb/dirhash"
	modzip "golang.org/x/mod/zip"

	"github.com/jasonwzm/release-builder/tools/internal/base/environ"
	"github.com/jasonwzm/release-builder/tools/internal/base/parallel"
	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
	"github.com/jasonwzm/release-builder/tools/internal/source/store"
	"github.com/jasonwzm/release-builder/tools/internal/web"
	"github.com/jasonwzm/release-builder/tools/internal/web/download"
)

const (
	atOnce       = 8        // modules at the same time
	maxText      = 1 << 20  // of a .mod or .info file, in bytes
	maxDirectory = 32 << 20 // of the list of files in a zip, in bytes
)

// fillDirectly fetches modules from the user's module proxy directly into the store; the go
// command would unpack them too. It keeps only files that match the lock's sums. It returns
// the modules that it could not fetch, for the go command to try: private ones, those that
// the proxy lacks or serves only with credentials, and those with other sums.
func (g *Go) fillDirectly(ctx context.Context, modules []lock.GoModule) ([]lock.GoModule, error) {
	user, err := environ.GoDownloads(ctx, g.Command)
	if err != nil {
		return nil, err
	}
	base, _, _ := strings.Cut(strings.ReplaceAll(user["GOPROXY"], "|", ","), ",")
	if u, err := url.Parse(base); err != nil || u.Scheme != "http" && u.Scheme != "https" {
		return modules, nil
	}
	p := &proxy{base: strings.TrimSuffix(base, "/"), store: g.Store, transport: web.NewTransport()}
	defer p.transport.CloseIdleConnections()
	errs := parallel.Do(len(modules), atOnce, func(i int) error {
		if module.MatchPrefixPatterns(user["GONOPROXY"], modules[i].Path) {
			return errPrivate
		}
		return p.fetch(ctx, &modules[i])
	})
	var rest []lock.GoModule
	for i, err := range errs {
		if err != nil {
			rest = append(rest, modules[i])
		}
	}
	return rest, ctx.Err()
}

var errPrivate = errors.New("module is private")

// proxy is a module proxy: https://go.dev/ref/mod#goproxy-protocol.
type proxy struct {
	base      string // URL
	store     *store.Store
	transport *http.Transport
}

// fetch fetches the files of one module into the store. The content comes last: if the store
// has it, the module is complete.
func (p *proxy) fetch(ctx context.Context, m *lock.GoModule) error {
	v := module.Version{Path: m.Path, Version: m.Version}
	info, err := p.text(ctx, v, ".info")
	if err != nil {
		return err
	}
	var said struct{ Version string }
	if err := json.Unmarshal(info, &said); err != nil || said.Version != m.Version {
		return fmt.Errorf("version: got %q, want %q", said.Version, m.Version)
	}
	goMod, err := p.text(ctx, v, ".mod")
	if err != nil {
		return err
	}
	if m.GoModSum != "" {
		if err := checkSum(m.GoModSum, []string{"go.mod"}, func(string) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(goMod)), nil }); err != nil {
			return err
		}
	}
	putTexts := func() error {
		return errors.Join(p.put(v, ".info", info), p.put(v, ".mod", goMod))
	}
	if m.Sum == "" {
		return putTexts()
	}
	return p.store.PutModule(v, ".zip", func(f *os.File) error {
		size, err := p.get(ctx, v, ".zip", modzip.MaxZipFile, f)
		if err != nil {
			return err
		}
		if err := checkContent(f, size, m, goMod); err != nil {
			return err
		}
		return putTexts()
	})
}

func (p *proxy) put(v module.Version, ext string, data []byte) error {
	return p.store.PutModule(v, ext, func(f *os.File) error {
		_, err := f.Write(data)
		return err
	})
}

func (p *proxy) text(ctx context.Context, v module.Version, ext string) ([]byte, error) {
	var b bytes.Buffer
	_, err := p.get(ctx, v, ext, maxText, &b)
	return b.Bytes(), err
}

// get copies a file of the proxy to w. It tries only once: the go command tries again.
func (p *proxy) get(ctx context.Context, v module.Version, ext string, limit int64, w io.Writer) (int64, error) {
	path, err := module.EscapePath(v.Path)
	if err != nil {
		return 0, err
	}
	version, err := module.EscapeVersion(v.Version)
	if err != nil {
		return 0, err
	}
	r, err := download.Get(ctx, download.Args{URL: p.base + "/" + path + "/@v/" + version + ext, MaxSize: limit, Attempts: 1, Transport: p.transport})
	if err != nil {
		return 0, err
	}
	n, err := io.Copy(w, r)
	return n, errors.Join(err, r.Close())
}

// checkContent compares a module's content with its sum. If the lock has no sum for its
// go.mod file, that is compared with the one in the content.
func checkContent(f io.ReaderAt, size int64, m *lock.GoModule, goMod []byte) error {
	limited := &readLimit{r: f, left: maxDirectory}
	z, err := zip.NewReader(limited, size)
	if err != nil {
		return err
	}
	limited.left = math.MaxInt64
	files := map[string]*zip.File{}
	var total uint64
	for _, file := range z.File {
		if files[file.Name] != nil {
			return fmt.Errorf("duplicate file %q", file.Name)
		}
		if total += min(file.UncompressedSize64, modzip.MaxZipFile+1); total > modzip.MaxZipFile {
			return fmt.Errorf("size of content: got more than %d bytes", modzip.MaxZipFile)
		}
		files[file.Name] = file
	}
	names := make([]string, 0, len(files))
	for name := range files {
		names = append(names, name)
	}
	open := func(name string) (io.ReadCloser, error) { return files[name].Open() }
	if err := checkSum(m.Sum, names, open); err != nil || m.GoModSum != "" {
		return err
	}
	name := m.Path + "@" + m.Version + "/go.mod"
	if files[name] == nil {
		return errors.New("there is no sum for go.mod")
	}
	r, err := open(name)
	if err != nil {
		return err
	}
	defer r.Close()
	inside, err := io.ReadAll(io.LimitReader(r, maxText+1))
	if err == nil && !bytes.Equal(inside, goMod) {
		err = errors.New("go.mod is not the one in the content")
	}
	return err
}

func checkSum(want string, names []string, open func(string) (io.ReadCloser, error)) error {
	got, err := dirhash.Hash1(names, open)
	if err == nil && got != want {
		err = fmt.Errorf("h1 sum: got %s, want %s", got, want)
	}
	return err
}

// readLimit fails once more than left bytes are read. It is not safe for concurrent use.
type readLimit struct {
	r    io.ReaderAt
	left int64
}

func (l *readLimit) ReadAt(p []byte, off int64) (int, error) {
	n, err := l.r.ReadAt(p, off)
	if l.left -= int64(n); l.left < 0 {
		return 0, fmt.Errorf("the list of files has more than %d bytes", maxDirectory)
	}
	return n, err
}
