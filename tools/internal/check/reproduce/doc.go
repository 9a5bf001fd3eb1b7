// Package reproduce builds a release twice under different conditions that must not matter
// (path, user, time zone and so on), and explains any difference.
//
//	World     what a build sees of the machine; its Command runs there
//	Worlds    two worlds, and the variations between them
//	Clone     the workspace as the builds see it
//	Bazel     builds a line in a world, with its own server
//	Bisect    finds which variation makes a file differ, by more builds
//	Published a published release, which is built again from its manifest and lock
//
// A variation that is impossible on a machine is reported as not made.
package reproduce
