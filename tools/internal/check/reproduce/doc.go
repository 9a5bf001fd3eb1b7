// Package reproduce builds a release twice in worlds that differ in everything
// that must not matter, and says whether, where and why the two differ.
//
//	Worlds    two worlds, and which variations could be made between them
//	World     what a build sees of the machine; its Command runs there
//	Clone     the workspace as the builds see it
//	Bazel     builds the active line in a world, with a server of its own
//	Bisect    finds by more builds which variation makes a file differ
//	Published what somebody else published, and what it says it was built from
//
// A variation that cannot be made on a machine is reported as not made. The package is
// worth its lines because two builds in one world say nothing: what leaks into a release
// is found only where the two worlds differ in it.
package reproduce
