//go:build !linux

package reproduce

import (
	"context"
	"errors"
	"os/exec"
)

// EnterVerb is the first argument when a program that uses this package starts itself
// again. It has to pass the other arguments to Enter.
const EnterVerb = "enter-world"

var errNoNamespaces = errors.New("this system has no namespaces")

func (v view) wrap(*exec.Cmd) error { return errNoNamespaces }

// Enter works on Linux only.
func Enter([]string) error { return errNoNamespaces }

func allowedCPUs() ([]int, error) {
	return nil, errors.New("this system cannot limit the CPUs of a process")
}

func tryView(context.Context, view) error { return errNoNamespaces }
