package pkgrepo

import "testing"

// FuzzEntries reads the lists of indexes that others signed.
func FuzzEntries(f *testing.F) {
	f.Add("Package: demo\nVersion: 1.0\nArchitecture: amd64\nSHA256: 00\n\nPackage: other\n")
	f.Add("C:Q1x\nP:demo\nV:1.0\nA:x86_64\nS:1\n\n")
	f.Add("<metadata packages=\"1\">\n<package type=\"rpm\"><name>demo</name><arch>noarch</arch><version epoch=\"0\" ver=\"1\" rel=\"1\"/><checksum type=\"sha256\" pkgid=\"YES\">00</checksum></package>\n</metadata>\n")
	f.Add("</metadata></metadata><metadata><package></package>")
	f.Fuzz(func(t *testing.T, text string) {
		if all, err := aptEntries("main/binary-amd64", []byte(text)); err == nil {
			for _, e := range all {
				if len(e.parts) != 1 {
					t.Errorf("apt: got %d parts", len(e.parts))
				}
			}
		}
		_ = new(index).addPackages(text) // does not panic
		x := &index{}
		for n := range lists {
			if x.addParts(n, []byte(text)) != nil {
				return
			}
		}
		for _, e := range x.entries {
			if len(e.parts) != len(lists) {
				t.Errorf("yum: got %d parts, want %d", len(e.parts), len(lists))
			}
		}
	})
}
