package compare

import (
	"bytes"
	"context"
	"fmt"
	"hash/maphash"
	"strings"
)

// maxJSON is the largest document that is decoded, in bytes: it takes many times
// that in memory.
const maxJSON = 8 << 20

// text compares texts: as JSON if both are, else by line.
func (e *explainer) text(ctx context.Context, p pair) error {
	old, new, release, err := e.load(ctx, p)
	if err != nil || old == nil || new == nil {
		return err
	}
	defer release()
	if !isText(old) || !isText(new) {
		return nil // it only starts like one
	}
	if looksJSON(old) && looksJSON(new) && len(old) <= maxJSON && len(new) <= maxJSON {
		if e.json(jsonArgs{member: p.member, old: old, new: new}) || e.jsonForm(p.member, old, new) {
			return nil
		}
	}
	e.lines(p.member, old, new)
	return nil
}

// lineSet is what the lines of a text have in common with another's, whatever
// their order.
type lineSet struct {
	count int
	sum   uint64
}

func newLineSet(seed maphash.Seed, data []byte) lineSet {
	s := lineSet{}
	for len(data) > 0 {
		var line []byte
		line, data = nextLine(data)
		s.sum += maphash.Bytes(seed, line)
		s.count++
	}
	return s
}

// maxSortedLines is how many lines are looked at for how they are sorted.
const maxSortedLines = 200_000

// orderOfLines returns how a text is sorted, by what it starts with if it is long.
func orderOfLines(data []byte) string {
	var lines []string
	for len(data) > 0 && len(lines) < maxSortedLines {
		var line []byte
		line, data = nextLine(data)
		lines = append(lines, string(line))
	}
	return orderOfNames(lines)
}

// nextLine cuts the first line off, without its line feed.
func nextLine(data []byte) (line, rest []byte) {
	i := bytes.IndexByte(data, '\n')
	if i < 0 {
		return data, nil
	}
	return data[:i], data[i+1:]
}

// maxCauses is how many differing lines of one text are shown, each for a cause
// of its own.
const maxCauses = 5

// lines notes the first line that differs, and others if they have another cause.
func (e *explainer) lines(member string, old, new []byte) {
	seed, whole := maphash.MakeSeed(), [2][]byte{old, new}
	olds, news := newLineSet(seed, old), newLineSet(seed, new)
	causes := map[string]bool{}
	for n := 1; len(old) > 0 || len(new) > 0; n++ {
		var x, y []byte
		atEnd := [2]bool{len(old) == 0, len(new) == 0}
		x, old = nextLine(old)
		y, new = nextLine(new)
		if bytes.Equal(x, y) && atEnd[0] == atEnd[1] {
			continue
		}
		f := finding{member: member, format: formatText, what: fmt.Sprintf("line %d", n), old: string(x), new: string(y)}
		f.at = commonPrefix(f.old, f.new)
		f.key = f.old[:f.at]
		f.shownOld, f.shownNew = around(f.old, f.at), around(f.new, f.at)
		if olds == news {
			f.what, f.sorted = "order", [2]string{orderOfLines(whole[0]), orderOfLines(whole[1])}
			f.shownOld, f.shownNew = fmt.Sprintf("line %d: %s", n, f.shownOld), fmt.Sprintf("line %d: %s", n, f.shownNew)
			e.note(f)
			return
		}
		cause := causeOf(f, e.cpus)
		if len(causes) == 0 || cause != "" && !causes[cause] {
			e.note(f)
		}
		causes[cause] = true
		if olds.count != news.count || len(causes) >= maxCauses {
			return
		}
	}
}

func looksJSON(data []byte) bool {
	s := strings.TrimLeft(string(data[:min(len(data), 100)]), " \t\r\n")
	return strings.HasPrefix(s, "{") || strings.HasPrefix(s, "[")
}
