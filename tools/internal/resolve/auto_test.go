package resolve

import (
	"context"
	"errors"
	"io/fs"
	"strings"
	"testing"
	"time"

	"github.com/jasonwzm/release-builder/tools/internal/input/manifest"
)

const autoGoMod = `module example.com/top

go 1.24

tool example.com/plain/cmd

require (
	example.com/plain v1.0.0
	example.com/major/v3 v3.1.0
	example.com/pseudo v0.0.0-20240229120000-0123456789ab
	example.com/old v2.0.0+incompatible
	host.example/owner/lib v1.1.0
	example.com/indirect v0.1.0 // indirect
	example.com/moved v1.0.0
	example.com/moved-version v1.0.0
	example.com/other-version v1.0.0
	example.com/both v1.0.0
	example.com/turned v1.0.0
	example.com/near v0.0.0
)

replace (
	example.com/moved => example.com/fork v1.2.0
	example.com/moved-version v1.0.0 => example.com/moved-version v1.0.1
	example.com/other-version v0.9.0 => example.com/fork v0.9.1
	example.com/both => example.com/all v1.0.0
	example.com/both v1.0.0 => example.com/one v1.0.0
	example.com/turned v1.0.0 => example.com/one v1.0.0
	example.com/turned => example.com/all v1.0.0
	example.com/near => ./near
	example.com/absent => example.com/fork v1.0.0
)
`

const autoCommit = "0123456789abcdef0123456789abcdef01234567"

var autoFiles = map[string]string{
	"go.mod":    autoGoMod,
	"top.deps":  `[{"repoName":"api","lastStableSHA":"` + autoCommit + `"},{"repoName":"old","lastStableSHA":"v1.4.1"},{"repoName":"short","lastStableSHA":"0123456"}]`,
	"WORKSPACE": "# a comment\nENVOY_SHA = \"" + autoCommit + "\"\nENVOY_SHA256 = \"00\"\n",
}

func source(files map[string]string) *Source {
	return &Source{Name: "top", Revision: "top@86c9f01fd735", ReadFile: func(_ context.Context, name string) ([]byte, error) {
		data, ok := files[name]
		if !ok {
			return nil, fs.ErrNotExist
		}
		return []byte(data), nil
	}}
}

func TestAuto(t *testing.T) {
	const deps, modules, workspace = manifest.AutoDeps, manifest.AutoModules, manifest.AutoProxyWorkspace
	git := func(name string) manifest.Dependency {
		return manifest.Dependency{Name: name, Git: "https://host.example/owner/" + name}
	}
	mod := func(path string) manifest.Dependency { return manifest.Dependency{Name: "m", Module: path} }
	for _, tt := range []struct {
		dep  manifest.Dependency
		auto manifest.Auto
		want string // sha, tag and version
		why  string
	}{
		{git("api"), deps, autoCommit + "||", "top.deps of top@86c9f01fd735"},
		{git("old"), deps, "|v1.4.1|", "top.deps of top@86c9f01fd735"},
		{git("short"), deps, "|0123456|", "top.deps of top@86c9f01fd735"},
		{manifest.Dependency{Name: "renamed", Git: "https://host.example/owner/old.git/"}, deps, "|v1.4.1|", "top.deps of top@86c9f01fd735"},
		{manifest.Dependency{Name: "api", Git: "https://host.example/owner/old"}, deps, autoCommit + "||", "top.deps of top@86c9f01fd735"},
		{manifest.Dependency{Name: "renamed", Git: "https://mirror.example/other/plain"}, modules, "|v1.0.0|", "go.mod of top@86c9f01fd735"},
		{git("plain"), modules, "|v1.0.0|", "go.mod of top@86c9f01fd735"},
		{git("major"), modules, "|v3.1.0|", "go.mod of top@86c9f01fd735"},
		{git("pseudo"), modules, "0123456789ab||", "go.mod of top@86c9f01fd735"},
		{git("old"), modules, "|v2.0.0|", "go.mod of top@86c9f01fd735"},
		{git("lib"), modules, "|v1.1.0|", "go.mod of top@86c9f01fd735"},
		{manifest.Dependency{Name: "x", Git: "git@host.example:owner/lib.git"}, modules, "|v1.1.0|", "go.mod of top@86c9f01fd735"},
		{manifest.Dependency{Name: "x", Git: "ssh://git@host.example:22/owner/lib.git/"}, modules, "|v1.1.0|", "go.mod of top@86c9f01fd735"},
		{git("moved"), modules, "|v1.2.0|", "go.mod of top@86c9f01fd735"},
		{git("envoy"), workspace, autoCommit + "||", "WORKSPACE of top@86c9f01fd735"},
		{mod("example.com/plain"), modules, "||example.com/plain@v1.0.0", "go.mod of top@86c9f01fd735"},
		{mod("example.com/indirect"), modules, "||example.com/indirect@v0.1.0", "go.mod of top@86c9f01fd735"},
		{mod("example.com/moved"), modules, "||example.com/fork@v1.2.0", "go.mod of top@86c9f01fd735"},
		{mod("example.com/moved-version"), modules, "||example.com/moved-version@v1.0.1", "go.mod of top@86c9f01fd735"},
		{mod("example.com/other-version"), modules, "||example.com/other-version@v1.0.0", "go.mod of top@86c9f01fd735"},
		{mod("example.com/both"), modules, "||example.com/one@v1.0.0", "go.mod of top@86c9f01fd735"},
		{mod("example.com/turned"), modules, "||example.com/one@v1.0.0", "go.mod of top@86c9f01fd735"},
	} {
		tt.dep.Auto = tt.auto
		ask, err := auto(t.Context(), &tt.dep, source(autoFiles))
		if err != nil {
			t.Errorf("%s: %s: %v", tt.auto, tt.dep.Name, err)
			continue
		}
		got := ask.SHA + "|" + ask.Tag + "|"
		if ask.Module != "" {
			got += ask.Module + "@" + ask.Version
		}
		if got != tt.want || ask.Why != tt.why || ask.Auto != "" {
			t.Errorf("%s: %s: got %q, %q, %q, want %q, %q and no auto", tt.auto, tt.dep.Name, got, ask.Why, ask.Auto, tt.want, tt.why)
		}
		if want := time.Date(2024, 2, 29, 12, 0, 0, 0, time.UTC); tt.dep.Name == "pseudo" && !ask.Since.Equal(want) {
			t.Errorf("since: got %v, want %v", ask.Since, want)
		}
	}
}

func TestAutoErrors(t *testing.T) {
	const deps, modules, workspace = manifest.AutoDeps, manifest.AutoModules, manifest.AutoProxyWorkspace
	goMod := func(text string) map[string]string { return map[string]string{"go.mod": text} }
	for _, tt := range []struct {
		auto  manifest.Auto
		dep   manifest.Dependency
		files map[string]string
		want  string
	}{
		{deps, manifest.Dependency{Name: "api"}, nil, "reading top.deps of top@86c9f01fd735: file does not exist"},
		{deps, manifest.Dependency{Name: "api"}, map[string]string{"top.deps": "{"}, "reading top.deps of top@86c9f01fd735: parsing: "},
		{deps, manifest.Dependency{Name: "none"}, autoFiles, `reading top.deps of top@86c9f01fd735: no entry with repoName "none"`},
		{modules, manifest.Dependency{Name: "m", Module: "example.com/near"}, autoFiles, `go.mod of top@86c9f01fd735 replaces example.com/near by the directory "./near"`},
		{modules, manifest.Dependency{Name: "near", Git: "https://h.example/near"}, autoFiles, `go.mod of top@86c9f01fd735 replaces example.com/near by the directory "./near"`},
		{modules, manifest.Dependency{Name: "m", Module: "example.com/absent"}, autoFiles, "go.mod of top@86c9f01fd735 does not require example.com/absent"},
		{modules, manifest.Dependency{Name: "m", Module: "example.com/top"}, autoFiles, "go.mod of top@86c9f01fd735 does not require example.com/top"},
		{modules, manifest.Dependency{Name: "absent", Git: "https://h.example/o/absent.git"}, autoFiles, "go.mod of top@86c9f01fd735 does not require any of example.com/absent, h.example/o/absent"},
		{modules, manifest.Dependency{Name: "m", Module: "example.com/a"}, goMod("module m\nrequire (\n"), "reading go.mod of top@86c9f01fd735: go.mod:"},
		{modules, manifest.Dependency{Name: "m", Module: "example.com/a"}, nil, "reading go.mod of top@86c9f01fd735: file does not exist"},
		{workspace, manifest.Dependency{Name: "envoy"}, nil, "reading WORKSPACE of top@86c9f01fd735: file does not exist"},
		{workspace, manifest.Dependency{Name: "envoy"}, map[string]string{"WORKSPACE": "# ENVOY_SHA = \"x\"\n"}, `WORKSPACE of top@86c9f01fd735 has no line ENVOY_SHA = "<commit>"`},
		{workspace, manifest.Dependency{Name: "envoy"}, map[string]string{"WORKSPACE": `ENVOY_SHA = "main"`}, `WORKSPACE of top@86c9f01fd735: ENVOY_SHA: got "main", want 40 hexadecimal digits`},
		{workspace, manifest.Dependency{Name: "envoy"}, map[string]string{"WORKSPACE": strings.Repeat(autoFiles["WORKSPACE"], 2)}, "WORKSPACE of top@86c9f01fd735: duplicate ENVOY_SHA"},
		{"other", manifest.Dependency{Name: "x"}, nil, `auto: got "other"`},
	} {
		tt.dep.Auto = tt.auto
		if ask, err := auto(t.Context(), &tt.dep, source(tt.files)); ask != nil || err == nil || !strings.HasPrefix(err.Error(), tt.want) {
			t.Errorf("%s: %s: got %v, %v, want %q", tt.auto, tt.dep.Name, ask, err, tt.want)
		}
	}
	broken := &Source{Revision: "r", ReadFile: func(context.Context, string) ([]byte, error) { return nil, context.Canceled }}
	for _, a := range []manifest.Auto{deps, modules, workspace} {
		if _, err := auto(t.Context(), &manifest.Dependency{Name: "x", Auto: a}, broken); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: got %v, want it to wrap %v", a, err, context.Canceled)
		}
	}
}
