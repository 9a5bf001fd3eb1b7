package reproduce

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/base/fileio"
	"github.com/jasonwzm/release-builder/tools/internal/base/jsonfile"
)

// Write writes reproduce.json and reproduce.html to a directory, which it creates.
func (r *Result) Write(dir string) error {
	var page bytes.Buffer
	title := "Reproducing " + r.Line
	if err := r.Report.WriteHTML(&page, title, r.lines()); err != nil {
		return err
	}
	return errors.Join(os.MkdirAll(dir, 0o755), jsonfile.Write(filepath.Join(dir, "reproduce.json"), r),
		fileio.WriteFile(filepath.Join(dir, "reproduce.html"), page.Bytes(), 0o644))
}

// WriteText writes the table for people, and below it what was varied.
func (r *Result) WriteText(w io.Writer) error {
	if err := r.Report.WriteText(w); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "\n%s\n", strings.Join(r.lines(), "\n"))
	return err
}

// lines returns what was built, when, and what was varied.
func (r *Result) lines() []string {
	lines := []string{fmt.Sprintf("Line %s at commit %s.", r.Line, r.Commit)}
	if len(r.Changed) > 0 {
		lines = append(lines, "Changed but not committed: "+strings.Join(r.Changed, ", ")+".")
	}
	if r.Against != "" {
		lines = append(lines, fmt.Sprintf("Built from the manifest and lock of %s, and compared with it.", r.Against))
	}
	for _, b := range r.Builds {
		lines = append(lines, fmt.Sprintf("The %s build began at %s and took %.0f s.", b.Name, b.Start.Format("2006-01-02T15:04:05Z"), b.Seconds))
	}
	if r.Airgap {
		lines = append(lines, "The builds used no network: all inputs were in the store.")
	} else {
		lines = append(lines, "The builds had a network.")
	}
	lines = append(lines, r.programLines()...)
	for _, a := range r.Actions {
		lines = append(lines, fmt.Sprintf("Action %s of %s gave another %s: first %s, second %s.", a.Mnemonic, a.Label, a.Output, a.First, a.Second))
	}
	for _, s := range r.Variations {
		lines = append(lines, s.String())
	}
	for _, path := range slices.Sorted(maps.Keys(r.Blamed)) {
		lines = append(lines, fmt.Sprintf("%s differs when %s is varied.", path, joined(r.Blamed[path])))
	}
	return append(lines, r.Notes...)
}

// programLines returns how the programs compare with those of the go command.
func (r *Result) programLines() []string {
	if len(r.Programs) == 0 {
		return nil
	}
	same, lines := 0, []string{""}
	for _, p := range r.Programs {
		if p.Identical {
			same++
			continue
		}
		lines = append(lines, fmt.Sprintf("Program %s is not what the go command builds: %s.", p.Program, strings.Join(strings.Fields(p.Text), " ")))
	}
	lines[0] = fmt.Sprintf("The go command alone built %d of %d programs to the same bytes.", same, len(r.Programs))
	return lines
}

// String returns the status in one line.
func (s Status) String() string {
	text := fmt.Sprintf("Variation %s: ", s.Name)
	switch {
	case !s.Made:
		return text + "not made: " + s.Why + "."
	case s.First == "":
		text += s.Second
	default:
		text += s.First + " and " + s.Second
	}
	if s.Why != "" {
		text += " (" + s.Why + ")"
	}
	return text + "."
}
