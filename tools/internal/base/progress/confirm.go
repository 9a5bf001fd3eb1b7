package progress

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"
)

// Confirmed asks a question on a terminal, and reports whether the answer is yes. Without a
// terminal there is nobody to ask, and it is.
func Confirmed(stderr io.Writer, format string, args ...any) bool {
	terminal := func(f *os.File) bool { return term.IsTerminal(int(f.Fd())) }
	if !terminal(os.Stdin) || !terminal(os.Stderr) {
		return true
	}
	fmt.Fprintf(stderr, format+" [y/N] ", args...)
	line, err := bufio.NewReader(os.Stdin).ReadString('\n')
	answer := strings.ToLower(strings.TrimSpace(line))
	return err == nil && (answer == "y" || answer == "yes")
}
