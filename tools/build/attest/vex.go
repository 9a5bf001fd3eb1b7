package main

import (
	"context"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/license"
	"github.com/jasonwzm/release-builder/tools/internal/artifact/release"
	"github.com/jasonwzm/release-builder/tools/internal/artifact/vex"
	"github.com/jasonwzm/release-builder/tools/internal/base/cli"
	"github.com/jasonwzm/release-builder/tools/internal/base/jsonfile"
	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
)

// writeVEX writes the OpenVEX document of the artifacts.
func writeVEX(ctx context.Context, v cli.Values) error {
	entries, err := release.ReadEntries(v.Get("artifacts"))
	if err != nil {
		return err
	}
	file, err := vex.Read(v.Get("statements"))
	if err != nil {
		return err
	}
	l, err := lock.Read(v.Get("lock"))
	if err != nil {
		return err
	}
	a := vex.Args{File: file, Time: l.Time, Version: l.Version, Artifacts: entries}
	if a.Components, err = license.Collect(ctx, licenseArgs(l, entries, &licenseSources{})); err != nil {
		return err
	}
	d, err := vex.New(a)
	if err != nil {
		return err
	}
	return jsonfile.Write(v.Get("out"), d)
}
