//go:build unix

package gitsource

import (
	"errors"
	"os"
	"os/exec"
	"syscall"
)

// ownGroup makes the end of a command also end all processes that it started. They run in
// their own session, so they have no terminal to ask questions on.
func ownGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	cmd.Cancel = func() error {
		if err := syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
			return err
		}
		return os.ErrProcessDone // Wait returns how it ended
	}
}
