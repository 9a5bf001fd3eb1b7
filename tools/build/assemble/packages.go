package main

import (
	"context"
	"os"
	"path/filepath"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/pkgmanager"
	"github.com/jasonwzm/release-builder/tools/internal/base/cli"
	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/base/fileio"
	"github.com/jasonwzm/release-builder/tools/internal/base/jsonfile"
)

// writePackages writes the files for package managers below a directory.
func writePackages(_ context.Context, v cli.Values) error {
	var p pkgmanager.Package
	if err := jsonfile.Read(v.Get("entries"), &p); err != nil {
		return err
	}
	for i := range p.Archives {
		a := &p.Archives[i]
		var err error
		if a.Digest, _, err = digest.FromFile(a.Source); err != nil {
			return err
		}
	}
	files, err := pkgmanager.Write(&p)
	if err != nil {
		return err
	}
	for name, data := range files {
		to := filepath.Join(v.Get("out"), filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return err
		}
		if err := fileio.WriteFile(to, data, 0o644); err != nil {
			return err
		}
	}
	return nil
}
