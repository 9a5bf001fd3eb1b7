package chartrepo

import (
	"fmt"
	"path"
	"slices"
	"time"

	"gopkg.in/yaml.v3"
)

// Pruned is a Helm repository's index.yaml after entries were removed.
type Pruned struct {
	Data []byte
	// Goes are the names of the files, beside the index, of the removed entries; Stays those
	// of the others.
	Goes, Stays []string
}

// PruneIndex removes the entries of a version from an index. A chart without any version left
// is removed. The index was generated at now.
func PruneIndex(data []byte, version string, now time.Time) (*Pruned, error) {
	x, err := parseIndex(data)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", indexFile, err)
	}
	p := &Pruned{}
	for i := 0; i+1 < len(x.entries.Content); i += 2 {
		list := x.entries.Content[i+1]
		list.Content = slices.DeleteFunc(list.Content, func(e *yaml.Node) bool {
			goes := text(field(e, "version")) == version
			if goes {
				p.Goes = append(p.Goes, filesOf(e)...)
			} else {
				p.Stays = append(p.Stays, filesOf(e)...)
			}
			return goes
		})
		if len(list.Content) == 0 {
			x.entries.Content = slices.Delete(x.entries.Content, i, i+2)
			i -= 2
		}
	}
	p.Data, err = x.marshal(now)
	return p, err
}

// filesOf returns the files beside the index that an entry refers to.
func filesOf(e *yaml.Node) []string {
	var files []string
	if urls := field(e, "urls"); urls != nil {
		for _, u := range urls.Content {
			if name := text(u); name == path.Base(name) && name != "." && name != ".." {
				files = append(files, name)
			}
		}
	}
	return files
}
