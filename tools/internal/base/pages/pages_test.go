package pages

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jasonwzm/release-builder/tools/internal/base/hint"
)

func TestUpdate(t *testing.T) {
	page := filepath.Join(t.TempDir(), "page.md")
	around := func(text string) string { return "head\n" + Begin("go run x") + text + End + "tail\n" }
	if err := os.WriteFile(page, []byte(around("old\n")), 0o644); err != nil {
		t.Fatal(err)
	}
	args := UpdateArgs{Page: page, Command: "go run x", Text: "new\n", Check: true}
	if err := Update(args); err == nil || !strings.Contains(err.Error(), "is stale") || hint.Of(err)[0] != "go run x" {
		t.Errorf("got %v, want that it is stale", err)
	}
	args.Check = false
	if err := Update(args); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(page); err != nil || string(got) != around("new\n") {
		t.Errorf("got %q, %v, want %q", got, err, around("new\n"))
	}
	args.Check = true
	if err := Update(args); err != nil {
		t.Errorf("got %v, want that it is fresh", err)
	}
	args.Command = "go run y"
	if err := Update(args); err == nil || !strings.Contains(err.Error(), "lacks the two lines") {
		t.Errorf("got %v, want that the lines are missing", err)
	}
}
