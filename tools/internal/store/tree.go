package store

import (
	"io"

	"github.com/jasonwzm/release-builder/tools/internal/digest"
	"github.com/jasonwzm/release-builder/tools/internal/sourcetar"
)

// Tree is a source tree in the store.
type Tree struct {
	Digest digest.Digest // of its canonical tar
	Size   int64         // sum of its files' sizes in bytes
}

// PutTree keeps the canonical tar of the folder dir.
func (s *Store) PutTree(dir string) (Tree, error) {
	pr, pw := io.Pipe()
	var t Tree
	done := make(chan struct{})
	go func() {
		defer close(done)
		size, err := sourcetar.Write(pw, dir)
		t.Size = size
		pw.CloseWithError(err)
	}()
	d, _, err := s.PutBlob(pr)
	pr.CloseWithError(err)
	<-done
	t.Digest = d
	return t, err
}
