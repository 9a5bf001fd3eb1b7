// Package remotetest runs a remote cache and workers on loopback, for Bazel to build with:
// bazel-remote and BuildBox.
package remotetest

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	repb "github.com/bazelbuild/remote-apis/build/bazel/remote/execution/v2"
	"google.golang.org/grpc"

	"github.com/jasonwzm/release-builder/tools/internal/testing/readers"
)

// patience is the time that a server has to answer its first call.
const patience = time.Minute

// Server is a process that serves on loopback.
type Server struct {
	Addr string // host:port, of gRPC

	tb      testing.TB
	dir     string // what it keeps
	program string
	args    []string
	log     *bytes.Buffer
	end     func()
}

// NewCache starts bazel-remote. It keeps what it has in dir.
func NewCache(tb testing.TB, dir string) *Server {
	tb.Helper()
	addr := free(tb)
	return start(&Server{Addr: addr, tb: tb, dir: dir, program: readers.Find(tb, "bazel-remote"), args: []string{
		"--dir", dir, "--max_size", "8", "--http_address", free(tb), "--grpc_address", addr,
	}})
}

// NewWorker starts a buildbox-casd that executes, one action at a time. Its inputs come from
// a cache, and results go there. It works in dir. The path of an action's root is long
// enough: below "/", rules_go would see other names of files.
func NewWorker(tb testing.TB, dir, cache string) *Server {
	tb.Helper()
	addr := free(tb)
	return start(&Server{Addr: addr, tb: tb, dir: dir, program: readers.Find(tb, "buildbox-casd"), args: []string{
		"--bind", addr, "--cas-remote", "http://" + cache, "--ac-remote", "http://" + cache,
		"--buildbox-run", readers.Find(tb, "buildbox-run-hosttools"), "--jobs", "1", "--quota-high", "6G", dir,
	}})
}

// start starts a server, and waits until it answers. It ends with the test.
func start(s *Server) *Server {
	s.tb.Helper()
	s.tb.Cleanup(func() { s.Kill() })
	s.start()
	return s
}

func (s *Server) start() {
	s.tb.Helper()
	cmd := exec.Command(s.program, s.args...)
	s.log = &bytes.Buffer{}
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + s.tb.TempDir()}
	cmd.Stdout, cmd.Stderr = s.log, s.log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // with what it starts
	if err := errors.Join(os.MkdirAll(s.dir, 0o755), cmd.Start()); err != nil {
		s.tb.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = cmd.Wait() // it is killed, or the client says that it is gone
	}()
	s.end = sync.OnceFunc(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // it may have ended
		<-done
	})
	ctx, cancel := context.WithTimeout(s.tb.Context(), patience)
	defer cancel()
	capabilities := repb.NewCapabilitiesClient(s.Dial())
	for {
		_, err := capabilities.GetCapabilities(ctx, &repb.GetCapabilitiesRequest{})
		if err == nil {
			return
		}
		select {
		case <-done:
			s.tb.Fatalf("%s ended: %s", s.program, s.log)
		case <-ctx.Done():
			s.Kill()
			s.tb.Fatalf("%s does not answer: %v\n%s", s.program, err, s.log)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// Kill kills the server and all that it started, at once.
func (s *Server) Kill() { s.end() }

// Dial connects to the server, as a client that the proxy does not see.
func (s *Server) Dial() *grpc.ClientConn { return dial(s.tb, s.Addr) }

// Restart kills the server, and starts it again at the same address with nothing in it.
func (s *Server) Restart() {
	s.tb.Helper()
	s.Kill()
	if err := os.RemoveAll(s.dir); err != nil {
		s.tb.Fatal(err)
	}
	s.start()
}

// free returns an address on loopback that nobody uses.
func free(tb testing.TB) string {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	defer l.Close()
	return "127.0.0.1:" + strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
}

// Engine is a cache, workers and the proxy before them.
type Engine struct {
	Proxy   *Proxy
	Cache   *Server
	Workers []*Server
}

// New starts a cache with a number of workers; 0 is a cache alone.
func New(tb testing.TB, workers int) *Engine {
	tb.Helper()
	dir := tb.TempDir()
	e := &Engine{Cache: NewCache(tb, filepath.Join(dir, "cache"))}
	var addrs []string
	for i := range workers {
		w := NewWorker(tb, filepath.Join(dir, "worker", strconv.Itoa(i)), e.Cache.Addr)
		e.Workers, addrs = append(e.Workers, w), append(addrs, w.Addr)
	}
	e.Proxy = NewProxy(tb, e.Cache.Addr, addrs...)
	return e
}

// Restart kills all servers, and starts them again at the same addresses with nothing in them.
func (e *Engine) Restart() {
	e.Cache.Restart()
	for _, w := range e.Workers {
		w.Restart()
	}
}
