package license

import (
	"slices"
	"strings"
	"testing"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/rpm"
	"github.com/jasonwzm/release-builder/tools/internal/testing/packagetest"
)

// TestRPM reads packages of a database that rpm made, with their licences.
func TestRPM(t *testing.T) {
	database, _ := packagetest.Installed(t, "", []packagetest.Package{{Name: "bash"}, {Name: "bash-doc"}, {Name: "curl", Version: "2.0.0"}}, "bash-doc")
	const db = "usr/lib/sysimage/rpm/rpmdb.sqlite"
	fs := files{}
	file := func(p, content string) change { return change{path: p, data: []byte(content)} }
	fs.apply([]change{
		file(db, database), file(db+"-wal", ""), file("usr/share/licenses/bash/COPYING", "Permission is granted."), file("usr/share/licenses/bash-doc/COPYING", "x"),
	})
	all, err := fs.packages()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range all {
		for _, f := range c.Files {
			got = append(got, c.Name+" "+f.Path)
		}
		got = append(got, c.String()+" "+c.License)
		if err := c.check(nil); err != nil {
			t.Error(err)
		}
	}
	slices.Sort(got)
	if want := []string{"bash usr/share/licenses/bash/COPYING", "rpm/bash 1.2.0-1 Apache-2.0", "rpm/curl 2.0.0-1 Apache-2.0"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	for _, p := range []string{db, db + "-wal", "usr/share/licenses/bash/COPYING", "var/lib/rpm/Packages"} {
		if !wanted(p) {
			t.Errorf("%s is not wanted", p)
		}
	}
	fs.apply([]change{file(db+"-wal", "x")})
	if _, err := fs.packages(); err == nil || !strings.Contains(err.Error(), rpm.ErrLog.Error()) {
		t.Errorf("a log: got %v", err)
	}
	fs.apply([]change{{path: "usr/lib/sysimage", remove: true}})
	if all, err := fs.packages(); err != nil || len(all) > 0 {
		t.Errorf("removed: got %v, %v", all, err)
	}
}
