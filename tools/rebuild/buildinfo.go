package main

import (
	"bytes"
	"debug/buildinfo"
	"errors"
	"os"
	"runtime/debug"
	"strings"
)

// The marks around the build information in a program's data, which the go command writes: see
// https://go.dev/src/cmd/go/internal/modload/build.go, infoStart and infoEnd.
var (
	infoStart = []byte("0w\xaf\x0c\x92t\x08\x02A\xe1\xc1\x07\xe6\xd6\x18\xe6")
	infoEnd   = []byte("\xf92C1\x86\x18 r\x00\x82B\x10A\x16\xd8\xf2")
)

// buildInfo returns the build information of a program. debug/buildinfo does not read all
// formats: WebAssembly and stripped XCOFF have it between two marks.
func buildInfo(name string) (*debug.BuildInfo, error) {
	info, err := buildinfo.ReadFile(name)
	if err == nil {
		return info, nil
	}
	data, readErr := os.ReadFile(name)
	if readErr != nil {
		return nil, errors.Join(err, readErr)
	}
	_, data, found := bytes.Cut(data, infoStart)
	text, _, ended := bytes.Cut(data, infoEnd)
	if !found || !ended {
		return nil, err
	}
	return debug.ParseBuildInfo(strings.Clone(string(text)))
}
