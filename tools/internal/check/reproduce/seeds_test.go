package reproduce

import (
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// A seed is a leak: what one line of a packer would have to be for something that
// must not matter to reach a release.
type seed struct {
	name  string
	edits []edit
	// file differs then; what and cause are of a difference in it, as regular
	// expressions; blamed is what Bisect says of it.
	file, what, cause string
	blamed            Variation
}

// An edit replaces text, which stands once, in a file of tools.
type edit struct{ file, old, new string }

const (
	tarGo   = "internal/artifact/archive/tar.go"
	zipGo   = "internal/artifact/archive/zip.go"
	planGo  = "internal/artifact/archive/plan.go"
	gzipGo  = "internal/artifact/archive/gzip.go"
	imageGo = "internal/artifact/ociimage/image.go"
	writeGo = "internal/artifact/layout/write.go"
	mainGo  = "build/assemble/main.go"

	tarHeader  = `h := &tar.Header{Name: it.name, Mode: int64(it.mode), ModTime: mtime}`
	finalSort  = `slices.SortFunc(merged, func(a, b item) int { return strings.Compare(a.name, b.name) })`
	layerBy    = `CreatedBy: CreatedBy}`
	tarFile    = "demo-1.0.0-linux-amd64.tar.gz"
	zipFile    = "demo-1.0.0-win-amd64.zip"
	imageIndex = "images/demo/index.json"
)

// imports adds an import to a file that has another one.
func imports(file, after, added string) edit {
	return edit{file, "\t\"" + after + "\"\n", "\t\"" + after + "\"\n\t\"" + added + "\"\n"}
}

func seeds() []seed {
	return []seed{
		{"mtime", []edit{{tarGo, tarHeader, tarHeader + `; if info, err := os.Stat(it.source); err == nil { h.ModTime = info.ModTime() }`}},
			tarFile, `^mtime$`, `^a time of the build`, Nothing},
		{"order", []edit{
			{planGo, `list, err := os.ReadDir(dir)`, `list, err := func() ([]fs.DirEntry, error) { f, err := os.Open(dir); if err != nil { return nil, err }; defer f.Close(); return f.ReadDir(-1) }()`},
			{planGo, finalSort, `at := func(x item) int { return slices.IndexFunc(items, func(it item) bool { return strings.HasPrefix(it.name+"/", x.name+"/") }) }; slices.SortFunc(merged, func(a, b item) int { return (at(a)-at(b))*1000 + len(a.name) - len(b.name) })`}},
			tarFile, `^order$`, `order of a directory`, DirOrder},
		{"owner", []edit{{tarGo, tarHeader, tarHeader + `; h.Uid, h.Gid, h.Uname = os.Getuid(), os.Getgid(), os.Getenv("USER")`}},
			tarFile, `^owner`, `user.*variation user`, User},
		{"path", []edit{{imageGo, layerBy, `CreatedBy: CreatedBy + " in " + func() string { dir, _ := os.Getwd(); return dir }()}`}},
			"", `^JSON path .*history\[0\]\.created_by$`, `path of the build.*variation path`, Path},
		{"time", []edit{{imageGo, `created := v1.Time{Time: spec.Created.UTC()}`, `created := v1.Time{Time: time.Now().UTC().Truncate(time.Second)}`}, imports(imageGo, "slices", "time")},
			"", `^JSON path .*created$`, `^a time of the build`, Nothing},
		{"random", []edit{{writeGo, `RefName: args.Ref}`, `RefName: args.Ref, "org.example.build": fmt.Sprintf("%016x", rand.Uint64())}`}, imports(writeGo, "io/fs", "math/rand/v2")},
			imageIndex, `^JSON path .*org\.example\.build`, `^random`, Nothing},
		{"locale", []edit{{planGo, finalSort, `slices.SortFunc(merged, func(a, b item) int { if os.Getenv("LC_ALL") == "tr_TR.UTF-8" { return strings.Compare(strings.ToLower(a.name), strings.ToLower(b.name)) }; return strings.Compare(a.name, b.name) })`}},
			tarFile, `^order$`, `^the locale`, Lang},
		{"map order", []edit{{planGo, finalSort, ``}},
			tarFile, `^order$`, `Go map`, Nothing},
		{"CPU count", []edit{{gzipGo, `g.z.SetConcurrency(gzipBlockSize, `, `g.z.SetConcurrency(gzipBlockSize/runtime.GOMAXPROCS(0), `}},
			tarFile, `^compressed$`, `number of CPUs`, CPUs},
		{"umask", []edit{{planGo, `it.source, it.size = source, info.Size()`, `it.source, it.size, it.mode = source, info.Size(), info.Mode().Perm()`}},
			tarFile, `^mode$`, `^the umask`, Umask},
		{"time zone", []edit{{zipGo, `Modified: z.mtime}`, `Modified: z.mtime.In(time.Local)}`}},
			zipFile, `mtime|time`, `^the time zone`, TZ},
		{"host", []edit{{imageGo, layerBy, `CreatedBy: CreatedBy + " on " + func() string { host, _ := os.Hostname(); return host }()}`}},
			"", `created_by$`, `host.*variation host`, Host},
		{"home", []edit{{imageGo, layerBy, `CreatedBy: CreatedBy + " of " + os.Getenv("HOME")}`}},
			"", `created_by$`, `variation home`, Home},
		{"environment", []edit{{mainGo, `[]string{"HOME=" + home, "LANG=C", "TZ=UTC"}`, `[]string{"HOME=" + home, "VENDOR=" + os.Getenv("VENDOR")}`}},
			"completions.txt", `^line`, `variation env`, Env},
	}
}

// tools compiles the packers, and the one that is given with edits over its
// sources, and returns where each is.
func tools(t *testing.T, all map[string]string, seeded string, edits []edit) map[string]string {
	t.Helper()
	root, dir := moduleRoot(t), t.TempDir()
	texts := map[string]string{}
	for _, e := range edits {
		name := filepath.Join(root, "tools", filepath.FromSlash(e.file))
		if texts[name] == "" {
			data, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			texts[name] = string(data)
		}
		if n := strings.Count(texts[name], e.old); n != 1 {
			t.Fatalf("%s has %d times %q, want once: the packer changed, so change the seed", e.file, n, e.old)
		}
		texts[name] = strings.Replace(texts[name], e.old, e.new, 1)
	}
	replace := map[string]string{}
	for name, text := range texts {
		replace[name] = filepath.Join(dir, filepath.Base(name))
		if err := os.WriteFile(replace[name], []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	overlay, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "overlay.json"), overlay, 0o644); err != nil {
		t.Fatal(err)
	}
	args := []string{"build", "-overlay", filepath.Join(dir, "overlay.json"), "-o", dir + string(filepath.Separator)}
	packers := []string{"pack", "image", "assemble"}
	if seeded != "" {
		packers = []string{seeded}
	}
	for _, p := range packers {
		args = append(args, "./tools/build/"+p)
	}
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Dir, cmd.Env = root, append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("compiling the packers: %v\n%s", err, out)
	}
	at := maps.Clone(all)
	if at == nil {
		at = map[string]string{}
	}
	for _, p := range packers {
		at[p] = filepath.Join(dir, p)
	}
	return at
}

// packer names the command that a seed is in.
func (s seed) packer() string {
	switch s.edits[0].file {
	case imageGo, writeGo:
		return "image"
	case mainGo:
		return "assemble"
	}
	return "pack"
}

// moduleRoot returns the directory of go.mod. Under Bazel there is none, and no go
// command that compiles the packers: `go test` runs these tests.
func moduleRoot(t *testing.T) string {
	t.Helper()
	if os.Getenv("TEST_SRCDIR") != "" {
		t.Skip("the packers are compiled by the go command, in the module's directory: run go test ./tools/internal/check/reproduce")
	}
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for ; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
	}
	t.Fatal("no directory above has a go.mod")
	return ""
}
