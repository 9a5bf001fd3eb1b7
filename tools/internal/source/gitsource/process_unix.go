//go:build unix

package gitsource

import (
	"errors"
	"os"
	"os/exec"
	"syscall"
)

// ownGroup has the end of a command end all that it started. In a session of
// their own they have no terminal to ask at.
func ownGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	cmd.Cancel = func() error {
		if err := syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
			return err
		}
		return os.ErrProcessDone // what Wait returns is how it ended
	}
}
