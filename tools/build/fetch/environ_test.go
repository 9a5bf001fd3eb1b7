package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/base/jsonfile"
	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
	"github.com/jasonwzm/release-builder/tools/internal/testing/gittest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/proxytest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/storetest"
)

// alone are settings that have a part in what is passed on, so each is tried by itself.
// DIR stands for a directory that has the files of hostileFiles.
var alone = []string{
	"GOENV=DIR", "GOENV=DIR/goenv", "GOENV=DIR/goenv.broken", "GOVCS=*:off", "GOINSECURE=*", "GONOPROXY=other.example", "GOAUTH=off",
	"GIT_CONFIG_COUNT=2", "GIT_CONFIG_COUNT=nope", "GIT_CONFIG_GLOBAL=DIR/gitconfig", "GIT_CONFIG_SYSTEM=DIR/gitconfig", "HOME=DIR/home", "XDG_CONFIG_HOME=DIR/xdg",
	"HOME=/nonexistent", "TMPDIR=DIR/a blank", "RELEASE_CACHE=/dev/null", "RELEASE_PASS=GOFLAGS,GOARCH,GIT_DIR",
	"SSL_CERT_FILE=/nonexistent", "HTTP_PROXY=http://127.0.0.1:1", "HTTPS_PROXY=http://127.0.0.1:1",
}

// hostile are settings that people have for other purposes, or by mistake, and that
// pass nowhere.
var hostile = []string{
	// The go command's.
	"GOARCH=mips", "GOARCH=arm64", "GOOS=plan9", "GOOS=nope", "GOFLAGS=-race", "GOFLAGS=-mod=vendor", "GOFLAGS=-nope",
	"GO111MODULE=off", "GO111MODULE=nope", "GOEXPERIMENT=nope", "GOAMD64=v4", "GOAMD64=v9", "GOARM=5", "GOROOT=/nonexistent", "GOPATH=relative", "GOPATH=/nonexistent",
	"GOBIN=relative", "GOCACHE=off", "GOCACHE=relative", "GOCACHEPROG=false", "GOMODCACHE=/dev/null", "GOTMPDIR=/nonexistent",
	"GOTOOLCHAIN=go1.99.0", "GOWORK=/nonexistent", "GOWORK=DIR/go.work",
	"GODEBUG=gotypesalias=0,http2client=0", "GODEBUG=nope", "GOFIPS140=latest", "GOFIPS140=nope", "GOTOOLDIR=/nonexistent", "GOGCCFLAGS=-nope",
	"GOEXE=.exe", "GOHOSTOS=plan9", "GOCOVERDIR=/nonexistent", "GO_EXTLINK_ENABLED=1", "GOTELEMETRY=on",
	"CGO_ENABLED=1", "CGO_CFLAGS=-nope", "CC=false", "CXX=false", "AR=false", "PKG_CONFIG=false", "GCCGO=false",
	// Git's.
	"GIT_DIR=/nonexistent", "GIT_WORK_TREE=/nonexistent", "GIT_INDEX_FILE=/nonexistent", "GIT_OBJECT_DIRECTORY=/nonexistent", "GIT_COMMON_DIR=/nonexistent",
	"GIT_ALTERNATE_OBJECT_DIRECTORIES=/nonexistent", "GIT_CONFIG=/nonexistent", "GIT_CONFIG_PARAMETERS='core.autocrlf=true'", "GIT_CONFIG_PARAMETERS=nope",
	"GIT_CEILING_DIRECTORIES=/", "GIT_EXEC_PATH=/nonexistent", "GIT_EXTERNAL_DIFF=false", "GIT_PAGER=false", "GIT_EDITOR=false", "GIT_TRACE=1", "GIT_TRACE2=1",
	"GIT_TRACE_PACKET=DIR/trace", "GIT_CURL_VERBOSE=1", "GIT_NAMESPACE=nope", "GIT_REPLACE_REF_BASE=refs/heads/", "GIT_GRAFT_FILE=/nonexistent", "GIT_SHALLOW_FILE=/nonexistent",
	"GIT_TEMPLATE_DIR=/nonexistent", "GIT_DEFAULT_HASH=sha256", "GIT_DEFAULT_REF_FORMAT=nope", "GIT_ALLOW_PROTOCOL=ssh", "GIT_PROTOCOL=version=0", "GIT_PROTOCOL_FROM_USER=0",
	"GIT_HTTP_LOW_SPEED_LIMIT=1000000000", "GIT_HTTP_MAX_REQUESTS=0", "GIT_ATTR_SOURCE=nope", "GIT_LITERAL_PATHSPECS=1", "GIT_QUARANTINE_PATH=/nonexistent",
	"GIT_NO_REPLACE_OBJECTS=0", "GIT_DISCOVERY_ACROSS_FILESYSTEM=nope", "GIT_OPTIONAL_LOCKS=nope", "GIT_TERMINAL_PROMPT=1",
	// The shell's and the system's.
	"LC_ALL=tr_TR.UTF-8", "LC_MESSAGES=de_DE.UTF-8", "LANG=de_DE.UTF-8", "LANGUAGE=de", "TZ=Pacific/Kiritimati", "CDPATH=/", "BASH_ENV=/nonexistent", "ENV=/nonexistent",
	"SHELLOPTS=xtrace", "POSIXLY_CORRECT=1", "IFS=/", "PWD=/nonexistent", "SHELL=/bin/false", "PAGER=false", "EDITOR=false", "TERM=nope", "COLUMNS=1",
	"SOURCE_DATE_EPOCH=1", "BUILD_WORKSPACE_DIRECTORY=/nonexistent", "RUNFILES_DIR=/nonexistent", "MAKEFLAGS=-j", "TAR_OPTIONS=--owner=9",
}

// gitSettings are what git would do to the files, and to itself.
const gitSettings = `[core]
	autocrlf = true
	eol = crlf
	attributesFile = DIR/attributes
	excludesFile = DIR/attributes
	hooksPath = DIR
	pager = false
	bigFileThreshold = 1
	quotePath = true
[filter "other"]
	clean = false
	smudge = false
	required = true
[transfer]
	fsckObjects = true
	hideRefs = refs/heads
[protocol]
	allow = never
[fetch]
	prune = true
	output = nope
[init]
	templateDir = /nonexistent
	defaultObjectFormat = sha256
[safe]
	bareRepository = explicit
[i18n]
	logOutputEncoding = UTF-16
[alias]
	fetch = !false
[color]
	ui = always
[extensions]
	partialClone = nope
[remote "nope"]
	url = http://127.0.0.1:1/
`

// hostileFiles are what hostile names in DIR.
var hostileFiles = map[string]string{
	"a blank/.keep": "", "attributes": "* text eol=crlf ident export-subst filter=other export-ignore\n",
	"gitconfig": gitSettings, "home/.gitconfig": gitSettings, "xdg/git/config": gitSettings, "xdg/git/attributes": "* text eol=crlf filter=other\n",
	"home/.config/git/attributes": "* text eol=crlf filter=other\n", "home/.config/go/env": "GOARCH=mips\nGOFLAGS=-mod=vendor\n",
	// Else a go command that may download has a process write there that outlives it.
	"home/.config/go/telemetry/mode": "off", "xdg/go/telemetry/mode": "off",
	"go.work":      "go 1.99\n\nuse ./nonexistent\n",
	"goenv":        "GOARCH=arm64\nGOOS=plan9\nGOFLAGS=-race\nGO111MODULE=off\nGOTOOLCHAIN=go1.99.0\nGOWORK=/nonexistent\nCC=false\n",
	"goenv.broken": "GOROOT=/nonexistent\nGOEXPERIMENT=nope\nGOFIPS140=nope\nGOPATH=relative\nGOAMD64=v9\nGOCACHE=off\nnonsense\n",
}

// TestHostileEnvironment: nothing that the user's environment has changes what a
// source is laid out as, be it from servers or from the store.
func TestHostileEnvironment(t *testing.T) {
	gittest.Env(t)
	proxy := proxytest.New(t, map[string]string{
		"example.com/lib@v1.0.0/lib.go": "package lib\n", "example.com/lib@v1.0.0/lib_arm64.go": "package lib\n", "example.com/lib@v1.0.0/lib_race.go": "//go:build race\n\npackage lib\n",
	})
	proxytest.Setenv(t, proxy.Serve().URL)
	w := newLaidOut(t, proxy)
	want, err := w.layOut(t)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, text := range hostileFiles {
		name = filepath.Join(dir, filepath.FromSlash(name))
		if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, []byte(strings.ReplaceAll(text, "DIR", dir)), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	set := func(t *testing.T, setting string) {
		name, value, _ := strings.Cut(setting, "=")
		t.Setenv(name, strings.ReplaceAll(value, "DIR", dir))
	}
	check := func(setting string) bool {
		return t.Run(setting, func(t *testing.T) {
			set(t, setting)
			if got, err := w.layOut(t); err != nil || got != want {
				t.Errorf("got %v\n%swant\n%s", err, got, want)
			}
		})
	}
	for _, setting := range alone {
		check(setting)
	}
	for i, settings := range rounds(hostile) {
		var got string
		var err error
		t.Run(fmt.Sprint("round ", i), func(t *testing.T) {
			for _, setting := range settings {
				set(t, setting)
			}
			got, err = w.layOut(t)
		})
		if err == nil && got == want {
			continue
		}
		t.Errorf("all of %q: got %v\n%swant\n%s", settings, err, got, want)
		for _, setting := range settings {
			check(setting) // which of them was it?
		}
	}
}

// rounds divides settings into as few groups as have no name twice.
func rounds(settings []string) [][]string {
	var groups [][]string
	times := map[string]int{}
	for _, setting := range settings {
		name, _, _ := strings.Cut(setting, "=")
		if times[name] == len(groups) {
			groups = append(groups, nil)
		}
		groups[times[name]] = append(groups[times[name]], setting)
		times[name]++
	}
	return groups
}

// laidOut lays out a git source that imports a module.
type laidOut struct{ entry, goCmd, dir string }

func newLaidOut(t *testing.T, proxy *proxytest.Proxy) *laidOut {
	t.Helper()
	goMod := "module example.com/app\n\ngo 1.24\n\nrequire example.com/lib v1.0.0\n"
	at := time.Date(2024, 2, 29, 12, 0, 0, 0, time.UTC)
	s := gittest.New(t)
	r := s.Repo("app")
	commit := r.Commit("main", map[string]gittest.File{
		"go.mod": {Content: goMod}, "go.sum": {Content: proxy.GoSum(goMod)}, "run.sh": {Content: "#!/bin/sh\n", Exec: true}, "crlf.txt": {Content: "a\r\nb\n$Id$ $Format:%H$\n"},
		"main.go": {Content: "package main\n\nimport (\n\t_ \"embed\"\n\n\t_ \"example.com/lib\"\n)\n\n//go:embed crlf.txt\nvar text string\n\nfunc main() {}\n"},
	}, "first", at)
	entry := lock.Dependency{Name: "app", Git: &lock.Git{URL: s.URL("app"), Ref: "refs/heads/main", Commit: commit}, Time: at, Digest: string(storetest.TarDigest(t, r.Dir)), GoRoots: []string{"."}, GoModules: closure(proxy, goMod)}
	entry.Seal()
	w := &laidOut{entry: filepath.Join(t.TempDir(), "entry.json"), goCmd: proxytest.GoCommand(t), dir: t.TempDir()}
	if err := jsonfile.Write(w.entry, entry); err != nil {
		t.Fatal(err)
	}
	return w
}

// layOut returns the files that come out, one a line: whether it is executable, its
// digest, its path.
func (w *laidOut) layOut(t *testing.T) (string, error) {
	dir, err := os.MkdirTemp(w.dir, "run-*")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	out := filepath.Join(dir, "out")
	var said bytes.Buffer
	args := []string{"--store", filepath.Join(dir, "store"), "--go", w.goCmd, "source", "--entry", w.entry, "--out", out, "--repository", "x"}
	if code := run(t.Context(), args, &said, &said); code != 0 || said.Len() > 0 {
		return "", fmt.Errorf("exit status %d: %s", code, said.String())
	}
	var b strings.Builder
	err = filepath.WalkDir(out, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		sum, _, err := digest.FromFile(path)
		fmt.Fprintln(&b, info.Mode(), sum, strings.TrimPrefix(path, out))
		return err
	})
	return b.String(), err
}
