package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/license"
	"github.com/jasonwzm/release-builder/tools/internal/artifact/page"
	"github.com/jasonwzm/release-builder/tools/internal/artifact/release"
	"github.com/jasonwzm/release-builder/tools/internal/base/cli"
	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/base/fileio"
	"github.com/jasonwzm/release-builder/tools/internal/base/jsonfile"
	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
)

// writePage writes the page and the notes of the release.
func writePage(ctx context.Context, v cli.Values) error {
	a, err := pageArgs(v)
	if err != nil {
		return err
	}
	p, err := page.New(ctx, a)
	if err != nil {
		return err
	}
	return errors.Join(writeWith(v.Get("out"), p.WriteHTML), writeWith(v.Get("notes"), p.WriteNotes))
}

func writeWith(name string, write func(io.Writer) error) error {
	var b bytes.Buffer
	if err := write(&b); err != nil {
		return err
	}
	return fileio.WriteFile(name, b.Bytes(), 0o644)
}

func pageArgs(v cli.Values) (a page.Args, err error) {
	a.Line, a.Provenance = v.Get("line"), v.Get("provenance")
	if a.Artifacts, err = release.ReadEntries(v.Get("artifacts")); err != nil {
		return a, err
	}
	data, err := fileio.ReadLimited(v.Get("lock"), jsonfile.MaxSize)
	if err != nil {
		return a, err
	}
	a.LockSum = digest.FromBytes(data)
	if a.Lock, err = lock.Parse(v.Get("lock"), data); err != nil {
		return a, err
	}
	if err := jsonfile.Read(v.Get("programs"), &a.Programs); err != nil {
		return a, fmt.Errorf("reading the list of programs: %w", err)
	}
	if name := v.Get("document"); name != "" {
		d, err := license.Read(name)
		if err != nil {
			return a, err
		}
		a.Components = d.Components
	}
	return a, previous(v, &a)
}

// previous reads what is known of the release before.
func previous(v cli.Values, a *page.Args) (err error) {
	if name := v.Get("previous"); name != "" {
		if a.Previous, err = lock.Read(name); err != nil {
			return err
		}
	}
	name := v.Get("previous-document")
	if name == "" {
		return nil
	}
	data, err := fileio.ReadLimited(name, jsonfile.MaxSize)
	if err != nil {
		return err
	}
	a.PreviousDocument, err = release.ParseDocument(data)
	return err
}
