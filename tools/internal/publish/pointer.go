package publish

import "golang.org/x/mod/semver"

// Move says what to do with a pointer, such as latest, that is at version found
// and is to be at version want: nothing, to move it, or that this would be a step
// back, or might be because one of them is no semantic version, which only
// downgrade allows. An empty found is a pointer that is not there.
func Move(found, want string, downgrade bool) State {
	switch f, w := "v"+found, "v"+want; {
	case found == "":
		return Absent
	case found == want:
		return Equal
	case downgrade, semver.IsValid(f) && semver.IsValid(w) && semver.Compare(f, w) < 0:
		return Behind
	}
	return Conflict
}
