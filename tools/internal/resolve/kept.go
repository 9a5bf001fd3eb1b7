package resolve

import (
	"maps"
	"slices"

	"golang.org/x/mod/module"

	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
	"github.com/jasonwzm/release-builder/tools/internal/source/store"
)

// Kept is the old lock, for the pins that are still valid.
type Kept struct {
	Lock *lock.Lock // nil if there is none
	// SameBuild means that Lock was resolved with the current SDK and for the same platforms,
	// so the modules of an unchanged source are still right.
	SameBuild bool
	// OwnSums means that a source's own go.sum has to be complete.
	OwnSums bool
	// Update says which dependencies to resolve again, although their locked revision still
	// matches the manifest. Nil means none.
	Update func(name string) bool
}

// find returns the named dependency of the old lock, or nil.
func (k *Kept) find(name string) *lock.Dependency {
	if k.Lock == nil {
		return nil
	}
	d, _ := k.Lock.Find(name)
	return d
}

func (k *Kept) update(name string) bool { return k.Update != nil && k.Update(name) }

// goNeeds copies the Go roots and modules of an unchanged source from the old lock. It
// reports whether it could: the source and the roots to build are the same, and the store
// has every module. A source that is not built needs none.
func (k *Kept) goNeeds(ask *Request, s *store.Store, d *lock.Dependency) bool {
	d.Unbuilt = ask.Unbuilt
	sets := ask.tagSets()
	if len(sets) == 0 {
		return true
	}
	old := k.find(ask.Name)
	if old == nil || old.Unbuilt != d.Unbuilt || len(old.GoRoots) == 0 && old.Unbuilt || k.OwnSums && added(old) > 0 || !k.SameBuild || old.Digest != d.Digest || !sameRoots(ask.GoModules, old.GoRoots) || !maps.EqualFunc(d.GoTags, old.GoTags, slices.Equal) || !complete(s, old) {
		return false
	}
	d.GoRoots, d.GoModules = old.GoRoots, old.GoModules
	return true
}

// added returns how many of a source's modules have sums that its own go.sum lacks.
func added(d *lock.Dependency) (n int) {
	for _, m := range d.GoModules {
		if m.Why == lock.NotInGoSum {
			n++
		}
	}
	return n
}

// sameRoots reports whether the locked roots are those wanted. If wanted is empty, that is
// the source's root directory, if it has a module.
func sameRoots(wanted, locked []string) bool {
	if len(wanted) == 0 {
		return len(locked) == 0 || slices.Equal(locked, []string{"."})
	}
	return slices.Equal(slices.Compact(slices.Sorted(slices.Values(wanted))), locked)
}

// complete reports whether the store has every module that d's build reads.
func complete(s *store.Store, d *lock.Dependency) bool {
	for _, m := range d.GoModules {
		v := module.Version{Path: m.Path, Version: m.Version}
		if m.Sum != "" && !s.HasModule(v, ".zip") || m.GoModSum != "" && !s.HasModule(v, ".mod") {
			return false
		}
	}
	return true
}
