// Fetch lays out pinned sources as Bazel repositories. It reads them from the store,
// and fetches into the store what is missing there. Repository rules run it before Bazel
// can build anything, so it imports the standard library and golang.org/x/mod only.
//
//	fetch [flags] source --entry FILE --platforms LIST [--variant NAME] --base DIR --out DIR --repository NAME
//	    lays out one dependency of a lock and the packages that it imports, and writes
//	    BUILD files for these platforms; --variant chooses another set of build tags
//	fetch [flags] file --entry FILE --out DIR
//	    writes one file of a lock to a directory, and prints its name there
//	fetch [flags] tools --go-mod FILE --go-sum FILE --imports FILE --out DIR --repository NAME
//	    lays out the modules that the project's own packages import
//	fetch [flags] module --go-mod FILE --go-sum FILE --path PATH --out DIR
//	    unpacks one module unchanged
//	fetch [flags] import --cache DIR
//	    adds the downloads of a module cache to the store
//
// Everything is verified: a lock's entry by its digest, the modules that it imports by
// its go.sum. With --airgap no socket is opened. If something is missing from the store,
// the error names the entry.
package main

import (
	"context"
	"flag"
	"io"
	"os"
	"path/filepath"

	"github.com/jasonwzm/release-builder/tools/internal/base/cli"
	"github.com/jasonwzm/release-builder/tools/internal/source/fill"
	"github.com/jasonwzm/release-builder/tools/internal/source/gomod"
	"github.com/jasonwzm/release-builder/tools/internal/source/store"
)

func main() { cli.Main(run) }

// fetcher has what all verbs share.
type fetcher struct {
	fill.Filler
	stdout io.Writer
}

// paths are the flags of the verbs.
type paths struct {
	entry, variant, base, out, repository, goMod, goSum, imports, path, cache, stdlib, platforms string
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	f := &fetcher{stdout: stdout}
	f.Log = cli.Log(stderr, "fetch")
	fs := flag.NewFlagSet("fetch", flag.ContinueOnError)
	storeDir := fs.String("store", "", "the store's `directory`")
	fs.StringVar(&f.GoCommand, "go", "go", "the go `command`")
	fs.BoolVar(&f.Offline, "airgap", false, "use no network")
	if status, ok := cli.ParseFlags(fs, args, stderr); !ok {
		return status
	}
	verbs := map[string]func(context.Context, paths) error{
		"source": f.source, "file": f.file, "tools": f.tools, "module": f.module, "import": f.importCache,
	}
	verb := verbs[fs.Arg(0)]
	if verb == nil {
		return cli.UsageError(stderr, "fetch", "got verb %q, want source, file, tools, module or import", fs.Arg(0))
	}
	if *storeDir == "" {
		return cli.UsageError(stderr, "fetch", "--store is missing")
	}
	p, status, ok := parsePaths(fs.Args(), stderr)
	if !ok {
		return status
	}
	if p.repository == "" && (fs.Arg(0) == "source" || fs.Arg(0) == "tools") {
		return cli.UsageError(stderr, "fetch", "--repository is missing")
	}
	var err error
	f.Dir = p.base
	if f.Store, err = store.Open(*storeDir); err == nil {
		err = verb(ctx, p)
	}
	if err != nil {
		return cli.Fail(stderr, "fetch", err)
	}
	return cli.OK
}

func parsePaths(args []string, stderr io.Writer) (p paths, status int, ok bool) {
	fs := flag.NewFlagSet("fetch "+args[0], flag.ContinueOnError)
	fs.StringVar(&p.variant, "variant", "", "the `name` of a set of build tags in the entry")
	fs.StringVar(&p.entry, "entry", "", "the `file` with a lock's dependency or file")
	fs.StringVar(&p.base, "base", "", "the `directory` that a local path is relative to")
	fs.StringVar(&p.out, "out", "", "the `directory` to fill")
	fs.StringVar(&p.repository, "repository", "", "the repository's `name` in Bazel")
	fs.StringVar(&p.goMod, "go-mod", "", "a go.mod `file`")
	fs.StringVar(&p.goSum, "go-sum", "", "its go.sum `file`")
	fs.StringVar(&p.imports, "imports", "", "a `file` that lists imports")
	fs.StringVar(&p.stdlib, "stdlib", "", "the `packages` of the standard library that all sources share, separated by commas")
	fs.StringVar(&p.platforms, "platforms", "", "the `platforms` that the source is built for, separated by commas")
	fs.StringVar(&p.path, "path", "", "a module `path`")
	fs.StringVar(&p.cache, "cache", "", "the download `directory` of a module cache")
	status, ok = cli.ParseFlags(fs, args[1:], stderr)
	return p, status, ok
}

// scratch is the directory below --out for files that fetch needs only while it runs.
const scratch = ".fetch"

// goTool returns a go command with an empty module cache, and a function that removes
// the cache.
func (f *fetcher) goTool(out string) (*gomod.Go, func(), error) {
	parent := filepath.Join(out, scratch)
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return nil, nil, err
	}
	abs, err := filepath.Abs(parent)
	if err != nil {
		return nil, nil, err
	}
	return f.Go(filepath.Join(abs, "modcache")), func() { os.RemoveAll(abs) }, nil
}

func (f *fetcher) importCache(_ context.Context, p paths) error {
	_, err := f.Store.ImportModules(p.cache)
	return err
}
