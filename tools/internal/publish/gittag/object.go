package gittag

import (
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
)

// objectName returns the name of an object: the hash of its kind, size and content
// (gitformat-pack(5), hash-function-transition). The commit's name shows which hash the
// repository uses.
func objectName(kind, content, commit string) string {
	var h hash.Hash = sha1.New()
	if len(commit) == hex.EncodedLen(sha256.Size) {
		h = sha256.New()
	}
	fmt.Fprintf(h, "%s %d\x00%s", kind, len(content), content)
	return hex.EncodeToString(h.Sum(nil))
}
