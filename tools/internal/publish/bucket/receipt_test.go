package bucket

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/publish"
	"github.com/jasonwzm/release-builder/tools/internal/testing/buckettest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/releasetest"
)

const receiptKey = "all/demo/1.2.0" + receiptSuffix

// receiptOf returns a receipt of version 1.2.0 with so many destinations.
func receiptOf(destinations ...string) *publish.Receipt {
	sum := digest.FromBytes(nil)
	r := &publish.Receipt{Schema: publish.ReceiptSchema, Line: "demo", Version: "1.2.0", Lock: sum, Checksums: sum}
	for _, name := range destinations {
		r.Destinations = append(r.Destinations, publish.Planned{Name: name})
	}
	return r
}

func receiptText(t *testing.T, r *publish.Receipt) string {
	t.Helper()
	data, err := r.Marshal()
	check(t, err)
	return string(data)
}

// TestRecord writes a receipt, and another one of the same release in its place.
func TestRecord(t *testing.T) {
	each(t, func(t *testing.T, s *buckettest.Server, c Config) {
		d := open(t, c, releasetest.Open(t, releasetest.Make(t, demo))).(publish.Recorder)
		for n, r := range []*publish.Receipt{receiptOf("gcs"), receiptOf("gcs", "registry")} {
			i, err := d.PlanReceipt(t.Context(), r)
			check(t, err)
			if want := []publish.State{publish.Absent, publish.Behind}[n]; i.State != want || i.Name != c.URL+"/1.2.0.receipt.json" || (i.Guard != "") != (n > 0) {
				t.Errorf("receipt %d: got %+v, want it %s", n, i, want)
			}
			var sent int64
			check(t, d.Record(t.Context(), i, r, func(p publish.Progress) { sent += p.Bytes }))
			if o, _ := s.Get(receiptKey); o.Content != receiptText(t, r) || sent != i.Size {
				t.Errorf("receipt %d: got %d bytes sent of %d, and %q", n, sent, i.Size, o.Content)
			}
			i, err = d.PlanReceipt(t.Context(), r)
			check(t, err)
			if i.State != publish.Equal || i.Version == "" {
				t.Errorf("receipt %d: got %+v, want it equal", n, i)
			}
			check(t, d.Verify(t.Context(), []publish.Item{i}, n > 0))
			data, name, err := ReadReceipt(t.Context(), c, "1.2.0")
			if err != nil || string(data) != receiptText(t, r) || name != i.Name {
				t.Errorf("receipt %d: read %q of %q, %v", n, data, name, err)
			}
		}
		i, err := d.PlanReceipt(t.Context(), receiptOf("gcs", "registry"))
		check(t, err)
		s.Put(receiptKey, receiptText(t, receiptOf()))
		if err := d.Verify(t.Context(), []publish.Item{i}, false); err == nil || !strings.Contains(err.Error(), `1.2.0.receipt.json": got `) {
			t.Errorf("another receipt: got %v", err)
		}
	})
}

// TestRecordConflict plans where there is something else than a receipt of the release.
func TestRecordConflict(t *testing.T) {
	other := receiptOf("gcs")
	other.Checksums = digest.FromBytes([]byte("other"))
	for _, tt := range []struct{ name, there, found string }{
		{"another build", receiptText(t, other), "the receipt of another release, 1.2.0 with lock sha256:"},
		{"no receipt", "hello", "not a receipt, sha256:"},
		{"nothing in it", "", "not a receipt, sha256:"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			each(t, func(t *testing.T, s *buckettest.Server, c Config) {
				s.Put(receiptKey, tt.there)
				i, err := open(t, c, nil).(publish.Recorder).PlanReceipt(t.Context(), receiptOf("gcs"))
				if err != nil || i.State != publish.Conflict || !strings.Contains(i.Found, tt.found) {
					t.Errorf("got %+v, %v, want a conflict with %s", i, err, tt.found)
				}
			})
		})
	}
}

// TestRecordChanged has somebody write a receipt between plan and write.
func TestRecordChanged(t *testing.T) {
	for _, tt := range []struct {
		name          string
		before, after *publish.Receipt
		ok            bool
	}{
		{"the same where there was none", nil, receiptOf("gcs"), true},
		{"another where there was none", nil, receiptOf("s3"), false},
		{"the same in place of another", receiptOf("s3"), receiptOf("gcs"), true},
		{"a third in place of another", receiptOf("s3"), receiptOf("s3", "file"), false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			each(t, func(t *testing.T, s *buckettest.Server, c Config) {
				if tt.before != nil {
					s.Put(receiptKey, receiptText(t, tt.before))
				}
				d := open(t, c, nil).(publish.Recorder)
				i, err := d.PlanReceipt(t.Context(), receiptOf("gcs"))
				check(t, err)
				s.Put(receiptKey, receiptText(t, tt.after))
				err = d.Record(t.Context(), i, receiptOf("gcs"), func(publish.Progress) {})
				if (err == nil) != tt.ok || err != nil && !errors.Is(err, publish.ErrChanged) {
					t.Errorf("got %v", err)
				}
				if o, _ := s.Get(receiptKey); o.Content != receiptText(t, tt.after) {
					t.Errorf("got %q, which is not theirs", o.Content)
				}
			})
		})
	}
}

// TestVersions lists the versions that have receipts, and no objects of a version.
func TestVersions(t *testing.T) {
	each(t, func(t *testing.T, s *buckettest.Server, c Config) {
		got, err := Versions(t.Context(), c)
		if err != nil || len(got) > 0 {
			t.Errorf("empty: got %q, %v", got, err)
		}
		for _, key := range []string{"1.10.0.receipt.json", "1.9.0.receipt.json", "1.9.0/a.receipt.json", "1.8.0/SHA256SUMS", "latest", "receipt.json"} {
			s.Put("all/demo/"+key, "x")
		}
		got, err = Versions(t.Context(), c)
		if want := []string{"1.10.0", "1.9.0"}; err != nil || !slices.Equal(got, want) {
			t.Errorf("got %q, %v, want %q", got, err, want)
		}
		if data, _, err := ReadReceipt(t.Context(), c, "1.8.0"); err != nil || data != nil {
			t.Errorf("no receipt: got %q, %v", data, err)
		}
	})
}

// TestAliasOfReceipt checks that no alias can be where a receipt is.
func TestAliasOfReceipt(t *testing.T) {
	_, err := New(t.Context(), Config{URL: "file:///x", Aliases: []publish.Alias{{Name: "1.1.0.receipt.json"}}}, nil)
	if want := `alias "1.1.0.receipt.json": want a path beside the versions and their receipts`; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}
