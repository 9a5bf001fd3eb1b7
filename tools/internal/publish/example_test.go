package publish_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/release"
	"github.com/jasonwzm/release-builder/tools/internal/publish"
)

// shelf is a destination in memory, which has versions, and an alias that says which is
// the latest.
type shelf map[string]string

func (s shelf) Name() string { return "shelf" }

func (s shelf) Plan(context.Context) ([]publish.Item, error) {
	items := []publish.Item{
		{Phase: publish.Upload, Kind: "object", Name: "1.2.0", Digest: "hello"},
		{Phase: publish.Reveal, Kind: "alias", Name: "latest", Digest: "1.2.0", Alias: "latest", Rule: publish.Stable},
	}
	for n := range items {
		i := &items[n]
		switch i.Found = s[i.Name]; {
		case i.Found == i.Digest:
			i.State = publish.Equal
		case i.Found == "":
			i.State = publish.Absent
		default:
			i.State = publish.Conflict
		}
	}
	return items, nil
}

func (s shelf) Apply(_ context.Context, phase publish.Phase, items []publish.Item, report publish.Report) error {
	for _, i := range items {
		fmt.Println(phase, i.Kind, i.Name)
		s[i.Name] = i.Digest
		report(publish.Progress{Done: &i})
	}
	return nil
}

func (s shelf) Verify(context.Context, []publish.Item, bool) error {
	return errors.New("a shelf looks at nothing")
}

// A release is published, and once more: nothing is left to do.
func ExamplePublisher() {
	p := &publish.Publisher{Line: "hello", Tree: &release.Tree{Version: "1.2.0"}, Destinations: []publish.Destination{shelf{}}}
	for range 2 {
		plan, err := p.Plan(context.Background())
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(plan.Changes(), "changes")
		if _, err := p.Apply(context.Background(), plan); err != nil {
			fmt.Println(err)
			return
		}
	}
	// Output:
	// 2 changes
	// upload object 1.2.0
	// reveal alias latest
	// 0 changes
}
