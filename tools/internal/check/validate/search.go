package validate

import (
	"bytes"
	"strings"
)

// minText is the least size in bytes of a text that a search looks for.
const minText = 4

// A search looks for many texts at once. It looks at every third pair of bytes only: of the three
// pairs in any four bytes of a text, one is there. That takes
// less time than a pass over the data for each text.
type search struct {
	texts   []string
	anchors map[uint16][]anchor  // by pair
	has     [1 << 16 / 64]uint64 // a bit for each pair of anchors
}

// An anchor is a place in a text at which a pair is.
type anchor struct{ text, offset int }

func newSearch(texts []string) *search {
	s := &search{texts: texts, anchors: map[uint16][]anchor{}}
	for i, text := range texts {
		first := rarest(text)
		for offset := first + minText - 2; offset >= first; offset-- { // the first place first
			p := pair(text[offset], text[offset+1])
			s.anchors[p] = append(s.anchors[p], anchor{i, offset})
			s.has[p/64] |= 1 << (p % 64)
		}
	}
	return s
}

func pair(a, b byte) uint16 { return uint16(a) | uint16(b)<<8 }

// rarest returns where the four bytes of a text begin that are likely to be rare in others.
func rarest(text string) (first int) {
	const common = "etaoinsrhldcumfpgwybvkxjqz" // as in English, the most frequent first
	best := -1
	for i := range len(text) - minText + 1 {
		score := 0
		for _, b := range []byte(text[i : i+minText]) {
			if at := strings.IndexByte(common, b); at >= 0 {
				score += at
			} else {
				score += len(common) / 2
			}
		}
		if score > best {
			first, best = i, score
		}
	}
	return first
}

// each calls found for each place at which a text, by its index, begins. The places of one text
// are in order.
func (s *search) each(data []byte, found func(text, at int)) {
	for i := 1; i < len(data); i += minText - 1 {
		p := pair(data[i-1], data[i])
		if s.has[p/64]&(1<<(p%64)) == 0 {
			continue
		}
		for _, a := range s.anchors[p] {
			if at := i - 1 - a.offset; at >= 0 && bytes.HasPrefix(data[at:], []byte(s.texts[a.text])) {
				found(a.text, at)
			}
		}
	}
}
