package environ

import (
	"fmt"
	"strings"
)

// mostLines is the number of lines of a process's output that an error repeats.
const mostLines = 12

// Said formats a process's output for the end of an error: its first line ends the message, and
// the others follow as indented lines. Of many lines only the first ones and "… N more lines" are
// left.
func Said(output string) string {
	var lines []string
	for line := range strings.Lines(strings.ReplaceAll(output, "\r", "\n")) {
		if line = strings.TrimRight(strings.ReplaceAll(line, "\t", "    "), " \n"); line != "" {
			lines = append(lines, line)
		}
	}
	if more := len(lines) - mostLines; more > 1 {
		lines = append(lines[:mostLines], fmt.Sprintf("… %d more lines", more))
	}
	return strings.TrimSpace(strings.Join(lines, "\n    "))
}
