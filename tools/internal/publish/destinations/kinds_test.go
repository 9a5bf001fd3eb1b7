package destinations

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/jasonwzm/release-builder/tools/internal/base/jsonfile"
	"github.com/jasonwzm/release-builder/tools/internal/input/profile"
	"github.com/jasonwzm/release-builder/tools/internal/input/rules"
	"github.com/jasonwzm/release-builder/tools/internal/publish"
	"github.com/jasonwzm/release-builder/tools/internal/publish/bucket"
	"github.com/jasonwzm/release-builder/tools/internal/testing/releasetest"
)

// TestEveryField says at each field of each kind what stands for something else, and
// wants nothing left of that. What is said of a kind has to be whole, too.
func TestEveryField(t *testing.T) {
	const placeholders = "{state}/{version}"
	for _, kind := range append(All(), mirrors()) {
		t.Run(kind.Name, func(t *testing.T) {
			place := profile.Place{Key: kind.Key, Single: kind.Single}
			for _, f := range kind.Fields {
				switch f.Holds {
				case profile.Text, profile.URL:
					place = place.WithText(f.Key, placeholders)
				case profile.Texts:
					place = place.WithList(f.Key, []string{placeholders})
				case profile.Names:
					place = place.WithList(f.Key, []string{f.Key + "-{version}-{major}-{minor}-{patch}-{commit}"})
				case profile.Flag, profile.Gone:
				default:
					t.Errorf("field %s holds %d: want a case here, and one in replaced", f.Key, f.Holds)
				}
				if f.Rule.Check == nil && f.Holds != profile.Flag && f.Holds != profile.Gone {
					t.Errorf("field %s: got no rule", f.Key)
				}
			}
			p, err := Kinds{kind}.Expand(profile.Profile{Places: []profile.Place{place}}, "/state", lockOf("1.2.0"))
			text, jsonErr := jsonfile.Marshal(p)
			if err := errors.Join(err, jsonErr); err != nil {
				t.Fatal(err)
			}
			if left := regexp.MustCompile(`\{\w+\}`).FindAllString(string(text), -1); len(left) > 0 {
				t.Errorf("got %q left in %s", left, text)
			}
			if where := (Kinds{kind}).Recorded(p); len(where.Places[0].Values) == 0 || kind.Noun == "" || kind.Reveals == 0 || kind.Open == nil {
				t.Errorf("got kind %+v, want a noun, when it reveals, what opens it, and a field that says where it is", kind)
			}
		})
	}
}

// mirrors are a kind as docs/extending.md has it: a directory with the files of the
// last release, and nothing else.
func mirrors() Kind {
	return Kind{
		Name: "mirror", Noun: "mirror", Reveals: 6,
		Kind: profile.Kind{Key: "mirrors", Fields: []profile.Field{
			{Key: "dir", Rule: rules.Path, Required: true, Where: true},
		}},
		Open: func(_ context.Context, o *Opener, p profile.Place) (publish.Destination, error) {
			return &mirror{o, p.Text("dir")}, nil
		},
	}
}

type mirror struct {
	*Opener
	dir string
}

func (m *mirror) Name() string { return m.Opener.Name }

func (m *mirror) Plan(context.Context) ([]publish.Item, error) {
	var items []publish.Item
	for _, f := range m.Tree.Files {
		i := publish.Item{Phase: publish.Upload, Kind: "file", Name: filepath.Join(m.dir, f.Path), Path: f.Path, Digest: string(f.Digest), Size: f.Size, State: publish.Absent}
		if _, err := os.Stat(i.Name); err == nil {
			i.State, i.Version = publish.Equal, i.Digest
		}
		items = append(items, i)
	}
	return items, nil
}

func (m *mirror) Apply(_ context.Context, _ publish.Phase, items []publish.Item, report publish.Report) error {
	for _, i := range items {
		if err := os.MkdirAll(filepath.Dir(i.Name), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(i.Name, nil, 0o644); err != nil {
			return err
		}
		report(publish.Progress{Done: &i})
	}
	return nil
}

func (m *mirror) Verify(_ context.Context, items []publish.Item, _ bool) error {
	for _, i := range items {
		if _, err := os.Stat(i.Name); err != nil {
			return fmt.Errorf("file %q: got none", i.Name)
		}
	}
	return nil
}

// TestNewKind registers a kind, reads a profile with it, publishes to it, and verifies
// that by the receipt.
func TestNewKind(t *testing.T) {
	kinds := append(All(), mirrors())
	state := filepath.ToSlash(t.TempDir())
	all, err := kinds.Schema().Parse("d.yaml", []byte("stage:\n  buckets: [{url: \"file://{state}/bucket\"}]\n  mirrors: [{dir: \"{state}/mirror\"}]\n"))
	if err != nil {
		t.Fatal(err)
	}
	tree := releasetest.Open(t, releasetest.Make(t, releasetest.Args{Files: map[string]string{"demo": "demo"}}))
	p, err := kinds.Expand(all[0], state, tree.Lock)
	if err != nil {
		t.Fatal(err)
	}
	a := Args{Kinds: kinds, Profile: p, Tree: tree, Env: none}
	open, err := Open(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	publisher := &publish.Publisher{Tree: tree, Line: "demo", Profile: kinds.Recorded(p), Destinations: open}
	plan, err := publisher.Plan(t.Context())
	if err == nil {
		_, err = publisher.Apply(t.Context(), plan)
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(state, "mirror", "demo")); err != nil {
		t.Error(err)
	}
	data, name, err := bucket.ReadReceipt(t.Context(), bucket.Config{URL: "file://" + state + "/bucket"}, tree.Version)
	if err != nil || !strings.Contains(string(data), `"mirrors": [`) {
		t.Fatalf("got receipt %s, %v, want one with the mirror", data, err)
	}
	receipt, err := publish.ParseReceipt(name, data)
	if err == nil {
		err = verify(t, receipt, Args{Kinds: kinds, Env: none}, true)
	}
	if err != nil {
		t.Error(err)
	}
	err = verify(t, receipt, Args{Env: none}, true)
	if want := `profile "stage": there is no kind of destination "mirrors"`; err == nil || err.Error() != want {
		t.Errorf("without the kind: got %v, want %s", err, want)
	}
}
