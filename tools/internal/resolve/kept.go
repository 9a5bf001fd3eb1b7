package resolve

import (
	"maps"
	"slices"

	"golang.org/x/mod/module"

	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
	"github.com/jasonwzm/release-builder/tools/internal/source/store"
)

// Kept is the lock that there was, for what of it still holds.
type Kept struct {
	Lock *lock.Lock // nil if there is none
	// SameToolchain says that Lock was resolved with the SDK of now, so that what
	// it says of an unchanged source still holds.
	SameToolchain bool
	// Update says which dependencies are to be looked up again, though their locked
	// revision is still what the manifest asks for. Nil means none.
	Update func(name string) bool
}

// find returns what was locked for the named dependency, or nil.
func (k *Kept) find(name string) *lock.Dependency {
	if k.Lock == nil {
		return nil
	}
	d, _ := k.Lock.Find(name)
	return d
}

func (k *Kept) update(name string) bool { return k.Update != nil && k.Update(name) }

// goNeeds copies what an unchanged source needs of Go, and reports whether it
// could: the locked source and the modules to build in it are the same, and the
// store has all that the build reads.
func (k *Kept) goNeeds(ask *Request, s *store.Store, d *lock.Dependency) bool {
	old := k.find(ask.Name)
	if old == nil || !k.SameToolchain || old.Digest != d.Digest || !sameRoots(ask.GoModules, old.GoRoots) || !maps.EqualFunc(d.GoTags, old.GoTags, slices.Equal) || !complete(s, old) {
		return false
	}
	d.GoRoots, d.GoModules = old.GoRoots, old.GoModules
	return true
}

// sameRoots reports whether the locked roots are those wanted. If none is wanted
// that is the source's root, if it is a module.
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
