package gomod

import (
	"bytes"
	"strings"
	"testing"
	"testing/iotest"
)

func TestCheckEntries(t *testing.T) {
	const entry = "PK\x01\x02 and its name"
	for _, tt := range []struct {
		name string
		n    int
		want string
	}{{"none", 0, ""}, {"as many as may be", maxZipEntries, ""}, {"one more", maxZipEntries + 1, "it has more than 200000 files"}} {
		data := strings.Repeat(entry, tt.n)
		if got := text(checkEntries(strings.NewReader(data))); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
	// Across the ends of reads, each is counted once.
	data := bytes.Repeat([]byte(entry), maxZipEntries)
	if err := checkEntries(iotest.OneByteReader(bytes.NewReader(data))); err != nil {
		t.Errorf("byte by byte: got %v, want no error", err)
	}
	if err := checkEntries(iotest.OneByteReader(bytes.NewReader(append(data, entry...)))); err == nil {
		t.Error("byte by byte, one more: got no error")
	}
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
