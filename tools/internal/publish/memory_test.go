package publish

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
)

// world is where several destinations are. It counts what is done there, and
// ends everything at the operation that a test names.
type world struct {
	mu  sync.Mutex
	ops int
	// end is the operation that fails, and all after it; 0 for none.
	end int
	// before is called before an operation, with its number.
	before func(op int)
	log    []string
}

var errEnd = errors.New("the machine lost power")

func (w *world) op(what string) error {
	w.mu.Lock()
	w.ops++
	op := w.ops
	w.log = append(w.log, what)
	w.mu.Unlock()
	if w.before != nil {
		w.before(op)
	}
	if w.end > 0 && op >= w.end {
		return errEnd
	}
	return nil
}

// memory is a destination.
type memory struct {
	world *world
	name  string
	want  []Item // without states
	// lost is what Apply says that it wrote and did not.
	lost string

	mu   sync.Mutex
	have map[string]string // kind and name → digest
}

func newMemory(w *world, name string, want ...Item) *memory {
	return &memory{world: w, name: name, want: want, have: map[string]string{}}
}

func object(name, digest string) Item {
	return Item{Phase: Upload, Kind: "object", Name: name, Digest: digest, Size: 10}
}

func pointer(name, version string) Item {
	return Item{Phase: Reveal, Kind: "alias", Name: name, Digest: version, Size: 1, Alias: name, Rule: Stable}
}

func (m *memory) Name() string { return m.name }

func (m *memory) Plan(context.Context) ([]Item, error) {
	if err := m.world.op(m.name + " plan"); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var items []Item
	for _, i := range m.want {
		found := m.have[i.Name]
		switch {
		case i.Phase == Reveal && found == "":
			i.State, i.Reason = m.alias(i).Start(Candidate{Version: i.Digest})
		case i.Phase == Reveal:
			i.State, i.Reason = m.alias(i).Move(Candidate{Version: found}, Candidate{Version: i.Digest})
			i.Guard = found
		case found == "":
			i.State = Absent
		case found == i.Digest:
			i.State = Equal
		default:
			i.State = Conflict
		}
		if i.State == Equal {
			i.Version = found
		} else {
			i.Found = found
		}
		items = append(items, i)
	}
	return items, nil
}

func (m *memory) alias(i Item) Alias { return Alias{Name: i.Alias, Rule: i.Rule} }

func (m *memory) Apply(ctx context.Context, phase Phase, items []Item, report Report) error {
	for _, i := range items {
		if err := ctx.Err(); err != nil {
			return err
		}
		if i.Phase != phase {
			return fmt.Errorf("got an item of phase %s in %s", i.Phase, phase)
		}
		if err := m.world.op(fmt.Sprintf("%s %s %s", m.name, phase, i.Name)); err != nil {
			return err
		}
		m.mu.Lock()
		found := m.have[i.Name]
		if found != i.Guard && found != i.Digest {
			m.mu.Unlock()
			return fmt.Errorf("%s: %w", i.Name, ErrChanged)
		}
		if i.Name != m.lost {
			m.have[i.Name] = i.Digest
		}
		m.mu.Unlock()
		report(Progress{Bytes: i.Size, Done: &i})
	}
	return nil
}

func (m *memory) Verify(context.Context, []Item, bool) error { return nil }

// keeper is a memory that keeps a receipt.
type keeper struct{ *memory }

// kept is the name of a keeper's receipt.
const kept = "1.2.0.receipt.json"

func (k keeper) PlanReceipt(_ context.Context, r *Receipt) (Item, error) {
	if err := k.world.op(k.name + " look"); err != nil {
		return Item{}, err
	}
	want, err := r.Marshal()
	i := Item{Phase: Record, Kind: "receipt", Name: kept, Digest: string(digest.FromBytes(want)), Size: int64(len(want)), State: Absent}
	if found := k.state()[kept]; found != "" {
		if i.State, i.Found = r.Compare([]byte(found)); i.State == Behind {
			i.Guard = found
		}
	}
	return i, err
}

func (k keeper) Record(_ context.Context, i Item, r *Receipt, report Report) error {
	if err := k.world.op(fmt.Sprintf("%s record %s", k.name, i.Name)); err != nil {
		return err
	}
	data, err := r.Marshal()
	if found := k.state()[kept]; found != i.Guard && found != string(data) {
		return fmt.Errorf("%s: %w", i.Name, ErrChanged)
	}
	if i.Name != k.lost {
		k.set(kept, string(data))
	}
	report(Progress{Bytes: i.Size, Done: &i})
	return err
}

// set changes what is there, as somebody else would.
func (m *memory) set(name, digest string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.have[name] = digest
}

// pointers returns those of the names that are there, sorted.
func (m *memory) state() map[string]string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return maps.Clone(m.have)
}

// lacks returns the names of a phase that are not as they are to be, or were left
// where their rule leaves them.
func (m *memory) lacks(phase Phase) []string {
	have := m.state()
	var names []string
	for _, i := range m.want {
		state, _ := m.alias(i).Move(Candidate{Version: have[i.Name]}, Candidate{Version: i.Digest})
		if i.Phase == phase && have[i.Name] != i.Digest && (phase == Upload || state != Kept) {
			names = append(names, i.Name)
		}
	}
	slices.Sort(names)
	return names
}
