package gitsource

import (
	"bytes"
	"regexp"
	"strconv"
	"sync"
	"sync/atomic"
)

// tail keeps the end of what is written to it, and finds git's progress in it.
type tail struct {
	progress func(Progress)
	count    atomic.Int64
	mu       sync.Mutex
	kept     []byte
	line     []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.count.Add(int64(len(p)))
	t.mu.Lock()
	defer t.mu.Unlock()
	t.kept = append(t.kept, p...)
	if len(t.kept) > 2*maxStderr {
		t.kept = append(t.kept[:0], t.kept[len(t.kept)-maxStderr:]...)
	}
	if t.progress == nil {
		return len(p), nil
	}
	t.line = append(t.line, p...)
	for {
		i := bytes.IndexAny(t.line, "\r\n")
		if i < 0 {
			break
		}
		if got, ok := parseProgress(string(t.line[:i])); ok {
			t.progress(got)
		}
		t.line = append(t.line[:0], t.line[i+1:]...)
	}
	if len(t.line) > maxStderr {
		t.line = t.line[:0]
	}
	return len(p), nil
}

// String returns the end of what was written.
func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.kept[max(0, len(t.kept)-maxStderr):])
}

// parseProgress reads "Receiving objects:  45% (450/1000), 1.20 MiB | 500.00 KiB/s".
func parseProgress(line string) (Progress, bool) {
	m := regexp.MustCompile(`^Receiving objects: +\d+% \((\d{1,12})/(\d{1,12})\)(?:, (\d{1,9}(?:\.\d+)?) (bytes|KiB|MiB|GiB))?`).FindStringSubmatch(line)
	if m == nil {
		return Progress{}, false
	}
	var p Progress
	p.Done, _ = strconv.Atoi(m[1])
	p.Total, _ = strconv.Atoi(m[2])
	unit := map[string]float64{"bytes": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}[m[4]]
	size, _ := strconv.ParseFloat(m[3], 64)
	p.Bytes = int64(size * unit)
	return p, true
}

// noise reports whether a line of git's output is progress or advice rather than an error.
func noise(line string) bool {
	const counting = `^(Enumerating|Counting|Compressing|Receiving|Resolving|Unpacking|Filtering|Checking|Writing)\b.*: +\d+`
	const advice = `^hint:|^Please make sure you have the correct access rights$|^and the repository exists\.$`
	return regexp.MustCompile(counting + `|^Total \d+ \(delta|^From |^Delta compression using |` + advice).MatchString(line)
}
