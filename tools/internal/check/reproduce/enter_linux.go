package reproduce

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/jasonwzm/release-builder/tools/internal/base/environ"
)

// EnterVerb is the first argument when a program that uses this package starts itself
// again. It has to pass the other arguments to Enter.
const EnterVerb = "enter-world"

// wrap has a command begin as this very program, which enters the view and becomes
// the command.
func (v view) wrap(cmd *exec.Cmd) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	cmd.Args = append([]string{os.Args[0], EnterVerb, string(text)}, cmd.Args...)
	// Not by name: a build may replace the file.
	cmd.Path, cmd.Err = "/proc/self/exe", nil
	if v.namespaces() {
		v.setNamespaces(cmd)
	}
	return nil
}

// setNamespaces runs a command as another user, without additional rights, with its own
// mounts and host name.
func (v view) setNamespaces(cmd *exec.Cmd) {
	uid, gid := os.Getuid(), os.Getgid()
	if v.UID != 0 {
		uid, gid = v.UID, v.GID
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS | syscall.CLONE_NEWUTS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: uid, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: gid, HostID: os.Getgid(), Size: 1}},
		// Mounting and setting the host name need it, in these namespaces only.
		AmbientCaps: []uintptr{unix.CAP_SYS_ADMIN},
	}
}

// Enter replaces this process by a command in a view. args are the view, as JSON, and the
// command. It returns only after an error.
func Enter(args []string) error {
	var v view
	if len(args) < 2 {
		return errors.New("entering a world: got no command")
	}
	if err := json.Unmarshal([]byte(args[0]), &v); err != nil {
		return fmt.Errorf("entering a world: %w", err)
	}
	// The settings below belong to the thread, and this thread becomes the command.
	runtime.LockOSThread()
	if v.namespaces() {
		if err := v.enterNamespaces(); err != nil {
			return fmt.Errorf("entering a world: %w", err)
		}
	}
	if v.CPUs != nil {
		if err := setCPUs(v.CPUs); err != nil {
			return fmt.Errorf("entering a world with the CPUs %v: %w", v.CPUs, err)
		}
	}
	if v.Umask != "" {
		mask, err := strconv.ParseUint(v.Umask, 8, 16)
		if err != nil {
			return fmt.Errorf("entering a world: umask: %w", err)
		}
		syscall.Umask(int(mask))
	}
	path, err := exec.LookPath(args[1])
	if err != nil {
		return err
	}
	return fmt.Errorf("running %q: %w", path, syscall.Exec(path, args[1:], environ.User()))
}

func (v view) enterNamespaces() error {
	for place, file := range v.Mounts {
		if err := syscall.Mount(file, place, "", syscall.MS_BIND, ""); err != nil {
			return fmt.Errorf("mounting %q: %w", place, err)
		}
	}
	if v.Host != "" {
		if err := syscall.Sethostname([]byte(v.Host)); err != nil {
			return fmt.Errorf("setting the host's name: %w", err)
		}
	}
	if err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); err != nil {
		return fmt.Errorf("dropping capabilities: %w", err)
	}
	return nil
}

func setCPUs(cpus []int) error {
	var s unix.CPUSet
	for _, c := range cpus {
		s.Set(c)
	}
	return unix.SchedSetaffinity(0, &s)
}

// allowedCPUs returns the CPUs that this process may use.
func allowedCPUs() ([]int, error) {
	var s unix.CPUSet
	if err := unix.SchedGetaffinity(0, &s); err != nil {
		return nil, err
	}
	var cpus []int
	for c := range len(s) * 64 {
		if s.IsSet(c) {
			cpus = append(cpus, c)
		}
	}
	return cpus, nil
}

// tryView returns why commands cannot run in a view, or nil.
func tryView(ctx context.Context, v view) error {
	ctx, cancel := context.WithTimeout(ctx, grace)
	defer cancel()
	w := World{view: v, Dir: "/", Environ: environ.Tool()}
	cmd, err := w.Command(ctx, "true")
	if err != nil {
		return err
	}
	out, err := cmd.CombinedOutput()
	if err != nil && len(out) > 0 {
		err = errors.New(strings.TrimSpace(string(out)))
	}
	return err
}
