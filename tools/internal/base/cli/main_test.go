//go:build unix

package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// asCommand has the test binary be a command that waits for a signal.
const asCommand = "CLI_TEST_COMMAND"

func TestMain(m *testing.M) {
	if os.Getenv(asCommand) != "" {
		Main(waitForSignal)
	}
	os.Exit(m.Run())
}

func waitForSignal(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	fmt.Fprintln(stdout, "ready", strings.Join(args, " "))
	<-ctx.Done()
	fmt.Fprintln(stderr, ctx.Err())
	return 7
}

func TestMainSignals(t *testing.T) {
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		t.Run(signal.String(), func(t *testing.T) {
			exe, err := os.Executable()
			if err != nil {
				t.Fatal(err)
			}
			var stderr strings.Builder
			cmd := exec.CommandContext(t.Context(), exe, "a", "b")
			cmd.Env = append(os.Environ(), asCommand+"=1")
			cmd.Stderr = &stderr
			stdout, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			line, err := bufio.NewReader(stdout).ReadString('\n')
			if err != nil || line != "ready a b\n" {
				t.Errorf("standard output: got %q, %v, want the arguments", line, err)
			}
			if err := cmd.Process.Signal(signal); err != nil {
				t.Fatal(err)
			}
			var exit *exec.ExitError
			if err := cmd.Wait(); !errors.As(err, &exit) || exit.ExitCode() != 7 {
				t.Errorf("after %s: got %v, want exit status 7", signal, err)
			}
			if stderr.String() != "context canceled\n" {
				t.Errorf("standard error: got %q, want that the context is cancelled", stderr.String())
			}
		})
	}
}
