package license

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// rule separates the parts of NOTICES.
var rule = strings.Repeat("=", 78) + "\n"

// Notices returns the text of NOTICES: a table of the components, and then each text once, with
// the components that it belongs to. The text is UTF-8.
func Notices(title string, all []Component) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s contains the following components. After the list are the texts of their\nlicences, each once.\n\n%s", title, rule)
	type text struct {
		content string
		of      []string
	}
	var texts []*text
	known := map[string]*text{}
	for _, c := range all {
		fmt.Fprintf(&b, "%s\n    %s\n", &c, c.License)
		if c.Why != "" {
			fmt.Fprintf(&b, "    %s\n", c.Why)
		}
		for _, f := range c.Files {
			content := normal(f.Text)
			t := known[content]
			if t == nil {
				t = &text{content: content}
				known[content] = t
				texts = append(texts, t)
			}
			if of := c.String() + ": " + f.Path; !slices.Contains(t.of, of) {
				t.of = append(t.of, of)
			}
		}
	}
	for _, t := range texts {
		b.WriteString(rule)
		for _, of := range t.of {
			b.WriteString(of + "\n")
		}
		b.WriteString("\n" + t.content)
	}
	return b.Bytes()
}

// normal returns a text in UTF-8, with line feeds, and without spaces at the ends of lines.
func normal(text []byte) string {
	s := string(text)
	if !utf8.Valid(text) { // old copyright files are in ISO-8859-1
		runes := make([]rune, len(text))
		for i, c := range text {
			runes[i] = rune(c)
		}
		s = string(runes)
	}
	s = strings.NewReplacer("\r\n", "\n", "\r", "\n", "\x00", "").Replace(strings.TrimPrefix(s, "\ufeff"))
	var b strings.Builder
	for line := range strings.SplitSeq(strings.TrimRight(strings.TrimLeft(s, "\n"), "\n \t"), "\n") {
		b.WriteString(strings.TrimRight(line, " \t\f") + "\n")
	}
	return b.String()
}
