//go:build !linux

package reproduce

import (
	"context"
	"errors"
	"os/exec"
)

// EnterVerb is the first argument with which a program that uses this package is
// run again by itself; the others are Enter's.
const EnterVerb = "enter-world"

var errNoNamespaces = errors.New("this system has no namespaces")

func (v view) wrap(*exec.Cmd) error { return errNoNamespaces }

// Enter makes this process what args say: on Linux only.
func Enter([]string) error { return errNoNamespaces }

func allowedCPUs() ([]int, error) {
	return nil, errors.New("this system does not limit the CPUs of a process")
}

func tryView(context.Context, view) error { return errNoNamespaces }
