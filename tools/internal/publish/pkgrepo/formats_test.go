package pkgrepo

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/release"
	"github.com/jasonwzm/release-builder/tools/internal/publish"
	"github.com/jasonwzm/release-builder/tools/internal/testing/buckettest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/packagetest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/releasetest"
)

// A tested is a format with what its tests need.
type tested struct {
	format string // of its packages
	open   func(context.Context, Config, *release.Tree) (publish.Destination, error)
	key    func(testing.TB) string
	// objects are parts of the keys of some objects that a release is published as.
	objects []string
}

var (
	aptRepo = tested{"deb", NewApt, writeKey, []string{"all/demo/key.asc", "pool/main/libd/libdemo/libdemo_1.2.0_all.deb", "pool/main/d/demo/demo_1.2.0_amd64.deb"}}
	yumRepo = tested{"rpm", NewYum, writeKey, []string{
		"all/demo/stable/Packages/d/demo-1.2.0-1.aarch64.rpm", "all/demo/stable/Packages/l/libdemo-1.2.0-1.noarch.rpm", "/repodata/repomd.xml.asc", "all/demo/stable/mirrorlist",
	}}
	apkRepo = tested{"apk", NewApk, writeRSA, []string{
		"all/demo/stable/aarch64/APKINDEX.tar.gz", "all/demo/stable/x86_64/libdemo-1.2.0.apk", "all/demo/stable/aarch64/libdemo-1.2.0.apk", ".rsa.pub",
	}}
)

// in opens the destination.
func (f tested) in(tb testing.TB, c Config, tree *release.Tree) publish.Destination {
	tb.Helper()
	d, err := f.open(tb.Context(), c, tree)
	check(tb, err)
	return d
}

func (f tested) of(p packagetest.Package) packagetest.Package { p.Format = f.format; return p }

// publishTwo publishes two releases. Both stay side by side, a run without changes writes
// nothing, and a receipt stays valid. It calls between after the first run, and returns the
// first release and the items of the second.
func (f tested) publishTwo(t *testing.T, p buckettest.Place, c Config, between func()) (*release.Tree, []publish.Item) {
	t.Helper()
	packages := []packagetest.Package{f.of(packagetest.Package{}), f.of(packagetest.Package{Arch: "arm64"}), f.of(packagetest.Package{Name: "libdemo", Arch: "all"})}
	one := treeOf(t, releasetest.Args{}, packages...)
	first := run(t, f.in(t, c, one))
	keys := strings.Join(p.Keys(), "\n")
	run(t, f.in(t, c, one))
	if got := strings.Join(p.Keys(), "\n"); got != keys {
		t.Errorf("again: got objects\n%s\nwant\n%s", got, keys)
	}
	for _, want := range f.objects {
		if !strings.Contains(keys, want) {
			t.Errorf("got objects\n%s\nwant %q", keys, want)
		}
	}
	between()
	second := run(t, f.in(t, c, treeOf(t, releasetest.Args{Version: "1.10.0"}, packages[0])))
	for _, items := range [][]publish.Item{first, second} {
		for _, deep := range []bool{false, true} {
			check(t, f.in(t, Config{Config: c.Config}, nil).Verify(t.Context(), items, deep))
		}
	}
	return one, second
}

// TestFaults has each request in turn fail, in each way, once and for good, and then runs
// again.
func TestFaults(t *testing.T) {
	for _, tt := range []struct {
		tested
		bucket string
	}{{aptRepo, "gs"}, {aptRepo, "s3"}, {yumRepo, "gs"}, {apkRepo, "gs"}} {
		t.Run(tt.format+" "+tt.bucket, func(t *testing.T) {
			tree, key := treeOf(t, releasetest.Args{}, tt.of(packagetest.Package{})), tt.key(t)
			begin := func() buckettest.Place { return buckettest.Open(t, tt.bucket) }
			buckettest.EachFault(t, begin, func(ctx context.Context, p buckettest.Place, web http.RoundTripper) (publish.Destination, error) {
				c := configOf(p, key)
				c.Jobs, c.Transport = 1, web
				return tt.open(ctx, c, tree)
			})
		})
	}
}
