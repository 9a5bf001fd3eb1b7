package sourcetar

import (
	"bytes"
	"cmp"
	"fmt"
	"hash/maphash"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxNames limits the sum of the lengths of all paths and links' targets, in bytes: they
// are kept in memory.
const maxNames = 64 << 20

var errLongNames = fmt.Errorf("the tree's paths and links have more than %d bytes", maxNames)

// folds finds paths that differ only in case, among sorted names.
type folds struct {
	seed  maphash.Seed
	names []string
	marks []mark
	bytes int
	last  string
	buf   []byte
}

// mark is a prefix of an entry's name: the name itself, or a directory above it.
type mark struct {
	hash        uint64 // of the path without its case
	entry, size uint32 // the path is names[entry][:size]
}

// add adds an entry. Its link is empty for a file.
func (f *folds) add(name, link string) error {
	if f.names == nil {
		f.seed = maphash.MakeSeed()
	}
	if f.bytes += len(name) + len(link); f.bytes > maxNames {
		return errLongNames
	}
	f.names = append(f.names, name)
	// Folding a prefix gives a prefix of the folded name, because "/" stays "/".
	f.buf = fold(f.buf[:0], name)
	end := 0
	for i := range len(name) {
		if name[i] != '/' {
			continue
		}
		end += bytes.IndexByte(f.buf[end:], '/')
		// A directory is new if the name before is not in it.
		if !strings.HasPrefix(f.last, name[:i+1]) {
			f.mark(i, end)
		}
		end++
	}
	f.mark(len(name), len(f.buf))
	f.last = name
	if len(f.marks) > 2*MaxEntries {
		return fmt.Errorf("the tree has more than %d directories", MaxEntries)
	}
	return nil
}

// mark adds the first size bytes of the last name, which are the first folded bytes of buf.
func (f *folds) mark(size, folded int) {
	f.marks = append(f.marks, mark{maphash.Bytes(f.seed, f.buf[:folded]), uint32(len(f.names) - 1), uint32(size)})
}

func (f *folds) path(m mark) string { return f.names[m.entry][:m.size] }

// collisions returns groups of paths, sorted.
func (f *folds) collisions() [][]string {
	slices.SortFunc(f.marks, func(a, b mark) int { return cmp.Or(cmp.Compare(a.hash, b.hash), cmp.Compare(a.entry, b.entry)) })
	var all [][]string
	for rest := f.marks; len(rest) > 0; {
		n := 1
		for n < len(rest) && rest[n].hash == rest[0].hash {
			n++
		}
		if n > 1 {
			same := map[string][]string{}
			for _, m := range rest[:n] {
				key := string(fold(nil, f.path(m)))
				same[key] = append(same[key], f.path(m))
			}
			for _, paths := range same {
				if len(paths) > 1 {
					slices.Sort(paths)
					all = append(all, paths)
				}
			}
		}
		rest = rest[n:]
	}
	slices.SortFunc(all, slices.Compare)
	return all
}

// fold appends s without its case to buf: each character becomes the smallest of those that
// are equal by Unicode's simple folding. Bytes that are not UTF-8 stay.
func fold(buf []byte, s string) []byte {
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			if 'a' <= c && c <= 'z' {
				c -= 'a' - 'A'
			}
			buf = append(buf, c)
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && size == 1 {
			buf = append(buf, c)
		} else {
			least := r
			for next := unicode.SimpleFold(r); next != r; next = unicode.SimpleFold(next) {
				least = min(least, next)
			}
			buf = utf8.AppendRune(buf, least)
		}
		i += size
	}
	return buf
}
