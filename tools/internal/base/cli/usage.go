package cli

import (
	"flag"
	"fmt"
	"io"
	"strings"
)

// usage prints the flags of a command, a line each, for a screen of 100 columns and 50 lines.
func usage(fs *flag.FlagSet, w io.Writer) {
	var names, texts []string
	width := 0
	fs.VisitAll(func(f *flag.Flag) {
		value, text := flag.UnquoteUsage(f)
		name := "--" + f.Name
		if b, ok := f.Value.(interface{ IsBoolFlag() bool }); !ok || !b.IsBoolFlag() {
			name += " " + strings.ToUpper(value)
		}
		if f.DefValue != "" && f.DefValue != "false" && f.DefValue != "0" && f.DefValue != "0s" && !strings.Contains(text, "default") {
			text += " (default: " + f.DefValue + ")"
		}
		names, texts = append(names, name), append(texts, text)
		width = max(width, len(name))
	})
	fmt.Fprintf(w, "usage: %s [flags]\n", fs.Name())
	for n, name := range names {
		fmt.Fprintf(w, "  %-*s  %s\n", width, name, texts[n])
	}
}
