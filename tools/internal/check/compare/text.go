package compare

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// text compares texts: as JSON if both are JSON, otherwise by line.
func (e *explainer) text(p pair) error {
	if max(p.old.size, p.new.size) > maxText {
		return nil
	}
	old, new, err := both(p, formatText, content.bytes)
	if err != nil || !isText(old) || !isText(new) {
		return err // it may only look like one
	}
	if looksJSON(old) && looksJSON(new) && (e.json(p.member, old, new) || e.jsonForm(p.member, old, new)) {
		return nil
	}
	e.lines(p.member, strings.Split(string(old), "\n"), strings.Split(string(new), "\n"))
	return nil
}

// maxCauses is the number of lines of one text that are shown, each with another cause.
const maxCauses = 5

// lines notes the first line that differs, and others if they have another cause.
func (e *explainer) lines(member string, old, new []string) {
	line := func(lines []string, i int) string {
		if i < len(lines) {
			return lines[i]
		}
		return ""
	}
	causes := map[string]bool{}
	for i := range max(len(old), len(new)) {
		f := finding{member: member, what: fmt.Sprintf("line %d", i+1), old: line(old, i), new: line(new, i)}
		if f.old == f.new {
			continue
		}
		f.key = f.old[:commonPrefix(f.old, f.new)]
		f.showText()
		if len(causes) == 0 && len(old) == len(new) && slices.Equal(slices.Sorted(slices.Values(old)), slices.Sorted(slices.Values(new))) {
			f.sorted = [2]string{orderOf(old[:len(old)-1]), orderOf(new[:len(new)-1])}
			f.shownOld, f.shownNew = f.what+": "+f.shownOld, f.what+": "+f.shownNew
			f.what = "order"
			e.note(f)
			return
		}
		cause := causeOf(f)
		if len(causes) == 0 || cause != "" && !causes[cause] {
			e.note(f)
		}
		causes[cause] = true
		if len(old) != len(new) || len(causes) >= maxCauses {
			return
		}
	}
}

func looksJSON(data []byte) bool {
	s := bytes.TrimLeft(data[:min(len(data), 100)], " \t\r\n")
	return bytes.HasPrefix(s, []byte("{")) || bytes.HasPrefix(s, []byte("["))
}
