package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/base/dirs"
	"github.com/jasonwzm/release-builder/tools/internal/base/hint"
	"github.com/jasonwzm/release-builder/tools/internal/check/gc"
	"github.com/jasonwzm/release-builder/tools/internal/source/store"
)

// places finds the directories that the launcher and the other commands use.
func (o *options) places(a *gc.Args) (err error) {
	if a.Store, err = store.DefaultDir(os.Getenv); err != nil {
		return err
	}
	if a.State, err = dirs.State("", os.Getenv); err != nil {
		return err
	}
	switch {
	case a.Disk == "off":
		a.Disk = ""
	case a.Disk == "" && a.Cache != "":
		a.Disk = filepath.Join(a.Cache, "disk")
	}
	if a.OutputBases == "" {
		a.OutputBases = outputBases()
	}
	for _, dir := range []*string{&a.Store, &a.Disk, &a.Cache, &a.OutputBases} {
		if *dir != "" {
			*dir = dirs.FromCaller(*dir)
		}
	}
	return nil
}

// outputBases returns the parent of the output base that `bazel run` uses for this
// process; empty if there is none.
func outputBases() string {
	dir, err := os.Getwd()
	for err == nil && dir != filepath.Dir(dir) {
		if gc.IsOutputBase(dir) {
			return filepath.Dir(dir)
		}
		dir = filepath.Dir(dir)
	}
	return ""
}

// keepCheckouts reads what this checkout needs and, unless alone is set, what the others
// on this machine need.
func (o *options) keepCheckouts(a *gc.Args) error {
	n, err := a.Keep.AddCheckout(o.workspace)
	if err != nil {
		return err
	}
	if n == 0 {
		err := fmt.Errorf("reading checkout %q: it has no manifests/*/lock.json", o.workspace)
		return hint.With(err, "run tools/bazel run //release:resolve: without a lock, nothing in the store is needed")
	}
	if o.alone {
		return nil
	}
	others, err := gc.Workspaces(a.OutputBases)
	for _, dir := range others {
		if dir == o.workspace {
			continue
		}
		_, otherErr := a.Keep.AddCheckout(dir)
		err = errors.Join(err, hint.With(otherErr, "or pass --this-checkout to keep nothing for that checkout"))
	}
	return err
}

// size is a flag for a number of bytes, written as for Bazel: a number and K, M, G or T.
type size int64

func (s *size) String() string { return strconv.FormatInt(int64(*s), 10) }

func (s *size) Set(text string) error {
	digits, shift := text, 0
	if at := strings.IndexByte("KMGT", (text + " ")[max(len(text)-1, 0)]); at >= 0 {
		digits, shift = text[:len(text)-1], 10*(at+1)
	}
	n, err := strconv.ParseUint(digits, 10, 63-shift)
	if err != nil {
		return errors.New("want a number of bytes, or one of K, M, G or T such as 10G")
	}
	*s = size(n << shift)
	return nil
}
