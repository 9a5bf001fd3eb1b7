package cli

import (
	"flag"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

func TestParseFlags(t *testing.T) {
	for _, tt := range []struct {
		name   string
		args   []string
		status int
		ok     bool
		stderr string
	}{
		{"good", []string{"-n", "3", "rest"}, OK, true, ""},
		{"help", []string{"-help"}, OK, false, "how many"},
		{"unknown flag", []string{"-m"}, Usage, false, "flag provided but not defined: -m"},
		{"bad value", []string{"-n", "many"}, Usage, false, `invalid value "many" for flag -n`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			set := flag.NewFlagSet("x", flag.ContinueOnError)
			n := set.Int("n", 0, "how many")
			var b strings.Builder
			status, ok := ParseFlags(set, tt.args, &b)
			if status != tt.status || ok != tt.ok {
				t.Errorf("got status %d, %t, want %d, %t", status, ok, tt.status, tt.ok)
			}
			if !strings.Contains(b.String(), tt.stderr) || tt.stderr == "" && b.Len() > 0 {
				t.Errorf("standard error: got %q, want %q", b.String(), tt.stderr)
			}
			if tt.ok && (*n != 3 || set.Arg(0) != "rest") {
				t.Errorf("got -n %d and argument %q, want 3 and %q", *n, set.Arg(0), "rest")
			}
		})
	}
}

// TestEmptyValues passes an empty value in each way that there is.
func TestEmptyValues(t *testing.T) {
	const unset = "; is a variable unset?\nx: hint: run x -help\n"
	for _, tt := range []struct {
		name string
		args []string
		want string // in standard error; empty if the command line is right
	}{
		{"a text", []string{"-to", ""}, "x: error: --to: got an empty value, want FILE:PROFILE" + unset},
		{"a text after an equals sign", []string{"--to="}, "--to: got an empty value, want FILE:PROFILE" + unset},
		{"blanks", []string{"--to", " \t"}, "--to: got an empty value, want FILE:PROFILE" + unset},
		{"a text without a name for its value", []string{"-plain", ""}, "--plain: got an empty value, want string" + unset},
		{"a number", []string{"-n", ""}, "--n: got an empty value, want int" + unset},
		{"a boolean", []string{"-b="}, "--b: got an empty value, want true or false" + unset},
		{"a function", []string{"-f", ""}, "--f: got an empty value, want value" + unset},
		{"the first of two", []string{"-to", "", "-to", "a"}, "--to: got an empty value"},
		{"after other flags", []string{"-b", "-n", "3", "-to", ""}, "--to: got an empty value"},
		{"an argument", []string{"-b", "one", ""}, "x: error: argument 2: got an empty value" + unset},
		{"an argument after the flags' end", []string{"--", ""}, "argument 1: got an empty value" + unset},
		{"a flag after the first argument is one too", []string{"one", "-to", ""}, "argument 3: got an empty value" + unset},
		{"another flag takes its place", []string{"-to", "--b", "-n", "3"}, "x: error: --to: got flag --b in place of a value, want FILE:PROFILE" + unset},
		{"a value like a flag after an equals sign", []string{"-to=-b"}, ""},
		{"a value like no flag", []string{"-to", "-c", "-n", "-3"}, ""},
		{"nothing is empty", []string{"-b", "-to", "--", "-n=1", "--", "-to"}, ""},
		{"no value at all is another error", []string{"-to"}, "flag needs an argument: -to"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			set := flag.NewFlagSet("x", flag.ContinueOnError)
			set.Bool("b", false, "whether")
			set.Int("n", 0, "how many")
			set.String("to", "", "where to: `FILE:PROFILE`")
			set.String("plain", "", "anything")
			set.Func("f", "anything", func(string) error { return nil })
			var b strings.Builder
			status, ok := ParseFlags(set, tt.args, &b)
			if want := tt.want == ""; ok != want || !ok && status != Usage {
				t.Errorf("got status %d, %t, want %t", status, ok, want)
			}
			if !strings.Contains(b.String(), tt.want) || tt.want == "" && b.Len() > 0 {
				t.Errorf("standard error: got %q, want %q", b.String(), tt.want)
			}
		})
	}
}

// TestEveryCommand checks that no command parses its flags by itself, so that what
// TestEmptyValues shows is so for each flag of each of them.
func TestEveryCommand(t *testing.T) {
	var files []string
	for _, pattern := range []string{"*/*.go", "*/*/*.go", "internal/command/*/*.go"} {
		found, err := filepath.Glob(filepath.Join("..", "..", "..", filepath.FromSlash(pattern)))
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, found...)
	}
	if len(files) == 0 && os.Getenv("TEST_SRCDIR") != "" {
		t.Skip("it reads the sources of all commands: run go test ./tools/internal/base/cli")
	}
	commands := map[string]bool{}
	for _, name := range files {
		fset := token.NewFileSet()
		file, err := parser.ParseFile(fset, name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(name, "_test.go") || file.Name.Name != "main" && !strings.Contains(filepath.ToSlash(name), "/internal/command/") {
			continue
		}
		imported := imports(file)
		ast.Inspect(file, func(n ast.Node) bool {
			call, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			from := root(call)
			switch {
			case imported[from] == "flag" && call.Sel.Name == "NewFlagSet":
				commands[filepath.Dir(name)] = true
			case call.Sel.Name == "Parse" && (imported[from] == "" || imported[from] == "flag"):
				t.Errorf("%s: flags are parsed by %s.Parse, want cli.ParseFlags", fset.Position(call.Pos()), from)
			}
			return true
		})
	}
	if len(commands) < 10 {
		t.Errorf("got flags of %d commands, want those of all", len(commands))
	}
}

// imports returns the paths of what a file imports, by the name that it has there.
func imports(file *ast.File) map[string]string {
	all := map[string]string{}
	for _, i := range file.Imports {
		p, _ := strconv.Unquote(i.Path.Value)
		name := path.Base(p)
		if i.Name != nil {
			name = i.Name.Name
		}
		all[name] = p
	}
	return all
}

// root returns the name that an expression as a.b().c begins with.
func root(e ast.Expr) string {
	for {
		switch x := e.(type) {
		case *ast.Ident:
			return x.Name
		case *ast.SelectorExpr:
			e = x.X
		case *ast.CallExpr:
			e = x.Fun
		default:
			return ""
		}
	}
}
