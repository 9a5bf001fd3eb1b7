// Docs generates pages of docs:
//
//	docs/rules.md      the rules, from the doc strings in release/rules
//	docs/commands.md   the commands, from their package comments
//
// Usage:
//
//	go run ./tools/dev/docs            write them
//	go run ./tools/dev/docs -check     write nothing; exit 1 if one is stale
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/jasonwzm/release-builder/tools/internal/base/cli"
	"github.com/jasonwzm/release-builder/tools/internal/base/fileio"
	"github.com/jasonwzm/release-builder/tools/internal/base/hint"
)

func main() { cli.Main(run) }

func run(_ context.Context, args []string, _, stderr io.Writer) int {
	set := flag.NewFlagSet("docs", flag.ContinueOnError)
	check := set.Bool("check", false, "write nothing, exit 1 if a page is stale")
	root := set.String("root", ".", "the repository's root `directory`")
	if status, ok := cli.ParseFlags(set, args, stderr); !ok {
		return status
	}
	var errs []error
	for name, generate := range map[string]func(root string) ([]byte, error){"rules.md": rules, "commands.md": commands} {
		text, err := generate(*root)
		if err == nil {
			err = update(filepath.Join(*root, "docs", name), text, *check)
		}
		errs = append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return cli.Fail(stderr, "docs", err)
	}
	return cli.OK
}

// update writes a page. With check it returns an error if the page is stale.
func update(name string, want []byte, check bool) error {
	got, err := os.ReadFile(name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) || bytes.Equal(got, want) {
		return err
	}
	if check {
		return hint.With(fmt.Errorf("%q is stale", name), "go run ./tools/dev/docs")
	}
	return fileio.WriteFile(name, want, 0o644)
}
