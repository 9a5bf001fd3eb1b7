package cas

import (
	"path"
	"strings"
	"testing"
)

// FuzzEvents parses any build events. What is taken of them is a file below the release, with
// where it is.
func FuzzEvents(f *testing.F) {
	const sum = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	line := func(name, uri string) string {
		return `{"namedSetOfFiles":{"files":[{"name":"` + name + `","uri":"` + uri + `","digest":"` + sum + `","length":"7"}]}}` + "\n" + `{"lastMessage":true}`
	}
	for _, s := range []string{
		"", "{}", `{"lastMessage":true}`, line("release/all/a", "bytestream://h:1/main/blobs/"+sum+"/7"), line("release/all/a", "file:///a"),
		line("release/all/../a", "file:///a"), line("release/all/a", "bytestream://h/blobs/blake3/"+sum+"/7"), line("release/all/a", "https://h/a"),
		line("release/all/a", "bytestream://h"), line("release/all/a", "bytestream:///blobs/"+sum+"/7"), line("release/all/a", "file:"),
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		blobs, err := parseEvents(strings.NewReader(text))
		if err == nil && len(blobs) == 0 {
			t.Error("got no file and no error")
		}
		for p, b := range blobs {
			if p == "" || path.Clean("/" + p)[1:] != p || b.size < 0 || len(b.digest.Hex()) != 64 || (b.host == "") != (b.resource == "") || (b.host == "") == (b.file == "") {
				t.Errorf("got %q with %+v", p, b)
			}
		}
	})
}
