package destinations

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/base/fileio"
)

// fromEnv begins the name of a variable with a token, in place of a file.
const fromEnv = "env://"

// tokenFile returns the file with a token, or "" if it is in the environment.
func tokenFile(from string) string {
	if strings.HasPrefix(from, fromEnv) {
		return ""
	}
	return from
}

// readToken returns the token in a file, or in a variable if from is env://NAME. Without from
// it is in the first of the variables that is set; empty if there is none.
func (a *Args) readToken(what, from string, variables ...string) (string, error) {
	name, named := strings.CutPrefix(from, fromEnv)
	if named {
		variables = []string{name}
	}
	var token string
	if from != "" && !named {
		data, err := fileio.ReadLimited(from, 64<<10)
		if err != nil {
			return "", fmt.Errorf("reading %s: %w", what, err)
		}
		token = strings.TrimSpace(string(data))
	}
	for _, v := range variables {
		if token == "" && (from == "" || named) {
			token = strings.TrimSpace(a.Env(v))
		}
	}
	switch {
	case token == "" && named:
		return "", fmt.Errorf("reading %s: the variable %s is not set", what, name)
	case token == "" && from != "":
		return "", fmt.Errorf("reading %s: file %q is empty", what, from)
	case strings.ContainsAny(token, " \t\r\n"):
		return "", fmt.Errorf("reading %s from %s: got several words, want one", what, cmp.Or(from, strings.Join(variables, " or ")))
	}
	return token, nil
}
