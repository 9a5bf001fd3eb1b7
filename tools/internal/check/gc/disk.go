package gc

import (
	"context"
	"fmt"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/base/cli"
)

// lookAtDisk decides about Bazel's disk cache as Bazel's own garbage collector does: the
// least recently used files are removed first. An action's result may outlive its outputs;
// Bazel then runs the action again.
func lookAtDisk(ctx context.Context, a *Args, l *looker) error {
	l.unnamed = true
	err := l.walk(ctx, ".", func(e entry) {
		if top, _, _ := strings.Cut(e.path, "/"); top != "tmp" && top != "gc" {
			l.stays(e, "is the result of an action")
		}
	})
	if a.DiskSize >= 0 {
		l.shrink(a.DiskSize, fmt.Sprintf("to shrink to %s: least recently used", cli.Size(a.DiskSize)))
	}
	return err
}
