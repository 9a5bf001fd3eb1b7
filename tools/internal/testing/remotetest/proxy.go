package remotetest

import (
	"context"
	"errors"
	"io"
	"maps"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"

	repb "github.com/bazelbuild/remote-apis/build/bazel/remote/execution/v2"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

// Methods of the Remote Execution API that tests count, or let fail.
const (
	GetCapabilities    = "/build.bazel.remote.execution.v2.Capabilities/GetCapabilities"
	Execute            = "/build.bazel.remote.execution.v2.Execution/Execute"
	waitExecution      = "/build.bazel.remote.execution.v2.Execution/WaitExecution"
	GetActionResult    = "/build.bazel.remote.execution.v2.ActionCache/GetActionResult"
	BatchUpdateBlobs   = "/build.bazel.remote.execution.v2.ContentAddressableStorage/BatchUpdateBlobs"
	UpdateActionResult = "/build.bazel.remote.execution.v2.ActionCache/UpdateActionResult"
	Read               = "/google.bytestream.ByteStream/Read"
	Write              = "/google.bytestream.ByteStream/Write"
)

// maxMessage is the largest message, in bytes: Bazel's batches are of 4 MiB at most.
const maxMessage = 64 << 20

// Proxy passes the calls of a client on to a cache and, those that execute, in turn to workers.
// It counts what it passes, and a Fault can be between.
//
// Bazel 7 speaks version 2.0 of the API and the workers 2.1 and later, although no call of
// Bazel's differs in them. So the proxy lets the workers say that they take 2.0.
type Proxy struct {
	Addr string // host:port

	cache   *grpc.ClientConn
	workers []*grpc.ClientConn

	mu    sync.Mutex
	fault Fault
	next  int            // the worker of the next execution
	owner map[string]int // the worker by the name of an operation
	calls map[string]*Calls
}

// Calls are the calls of a method.
type Calls struct {
	Number int
	Sent   int64 // bytes of messages from the client
	Got    int64 // bytes of messages to the client
}

// Call is a call that is passed on.
type Call struct {
	Method  string
	Worker  int    // the number of the worker that gets it, if one does
	Message []byte // the client's first message
}

// A Fault is what happens to a call. Any function may be nil.
type Fault struct {
	// Begin runs before a call is passed on. Its error is the call's.
	Begin func(ctx context.Context, c Call) error
	// Answer may change a message to the client. With more false, the call ends after it, as
	// if it were whole.
	Answer func(c Call, message []byte) (changed []byte, more bool, err error)
}

// NewProxy starts a proxy on loopback. It ends with the test.
func NewProxy(tb testing.TB, cache string, workers ...string) *Proxy {
	tb.Helper()
	p := &Proxy{owner: map[string]int{}, calls: map[string]*Calls{}, cache: dial(tb, cache)}
	for _, w := range workers {
		p.workers = append(p.workers, dial(tb, w))
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	p.Addr = l.Addr().String()
	s := grpc.NewServer(grpc.UnknownServiceHandler(p.handle), grpc.ForceServerCodecV2(raw{}), grpc.MaxRecvMsgSize(maxMessage), grpc.MaxSendMsgSize(maxMessage))
	go func() { _ = s.Serve(l) }() // it ends when Stop closes the listener
	tb.Cleanup(s.Stop)
	return p
}

// Fail has calls fail from now on. Fault{} ends that.
func (p *Proxy) Fail(f Fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fault = f
}

// Reset forgets what was counted, and returns it by method.
func (p *Proxy) Reset() map[string]Calls {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := map[string]Calls{}
	for name, c := range p.calls {
		all[name] = *c
	}
	clear(p.calls)
	return all
}

// Bytes adds up the bytes from and to the client.
func Bytes(calls map[string]Calls) (sent, got int64) {
	for _, name := range slices.Sorted(maps.Keys(calls)) {
		sent, got = sent+calls[name].Sent, got+calls[name].Got
	}
	return sent, got
}

// count changes what is counted of a method.
func (p *Proxy) count(method string, change func(*Calls)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.calls[method]
	if c == nil {
		c = &Calls{}
		p.calls[method] = c
	}
	change(c)
}

// handle passes one call on.
func (p *Proxy) handle(_ any, client grpc.ServerStream) error {
	method, _ := grpc.MethodFromServerStream(client)
	p.count(method, func(c *Calls) { c.Number++ })
	p.mu.Lock()
	fault := p.fault
	p.mu.Unlock()
	ctx, cancel := context.WithCancel(client.Context())
	defer cancel()
	var first frame
	if err := client.RecvMsg(&first); err != nil {
		return err
	}
	p.count(method, func(c *Calls) { c.Sent += int64(len(first)) })
	to, worker := p.choose(method, first)
	call := Call{method, worker, first}
	if fault.Begin != nil {
		if err := fault.Begin(ctx, call); err != nil {
			return err
		}
	}
	if md, ok := metadata.FromIncomingContext(ctx); ok {
		ctx = metadata.NewOutgoingContext(ctx, md.Copy())
	}
	server, err := to.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, method, grpc.ForceCodecV2(raw{}), grpc.MaxCallRecvMsgSize(maxMessage), grpc.MaxCallSendMsgSize(maxMessage))
	if err != nil {
		return scheduled(method, err)
	}
	go p.send(method, first, client, server)
	for {
		var m frame
		if err := server.RecvMsg(&m); errors.Is(err, io.EOF) {
			client.SetTrailer(server.Trailer())
			return nil
		} else if err != nil {
			return scheduled(method, err)
		}
		if more, err := p.answer(call, m, fault, client); err != nil || !more {
			return err
		}
	}
}

// scheduled returns what a scheduler says if a call to a worker fails: of an operation whose
// worker is gone it knows nothing, and the client asks for the execution anew.
func scheduled(method string, err error) error {
	if method == waitExecution && status.Code(err) == codes.Unavailable {
		return status.Error(codes.NotFound, "the worker of this operation is gone")
	}
	return err
}

// send passes on what the client sends, until it has sent all.
func (p *Proxy) send(method string, first frame, client grpc.ServerStream, server grpc.ClientStream) {
	for m := first; ; {
		if server.SendMsg(&m) != nil {
			return // the answer says why
		}
		m = nil
		if client.RecvMsg(&m) != nil {
			_ = server.CloseSend() // never fails
			return
		}
		p.count(method, func(c *Calls) { c.Sent += int64(len(m)) })
	}
}

// answer passes one message on to the client.
func (p *Proxy) answer(call Call, m frame, fault Fault, client grpc.ServerStream) (more bool, err error) {
	switch call.Method {
	case GetCapabilities:
		if m, err = lower(m); err != nil {
			return false, err
		}
	case Execute:
		p.mu.Lock()
		p.owner[operation(m)] = call.Worker
		p.mu.Unlock()
	}
	more = true
	if fault.Answer != nil {
		var changed []byte
		if changed, more, err = fault.Answer(call, m); err != nil {
			return false, err
		}
		m = changed
	}
	p.count(call.Method, func(c *Calls) { c.Got += int64(len(m)) })
	return more, client.SendMsg(&m)
}

// choose returns who answers a call, and which worker that is.
func (p *Proxy) choose(method string, first frame) (*grpc.ClientConn, int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.workers) == 0 {
		return p.cache, 0
	}
	switch method {
	case GetCapabilities: // those of the cache, and that it executes
		return p.workers[0], 0
	case Execute:
		w := p.next % len(p.workers)
		p.next++
		return p.workers[w], w
	case waitExecution:
		w := p.owner[operation(first)]
		return p.workers[w], w
	}
	return p.cache, 0
}

// lower has capabilities say that version 2.0 is taken.
func lower(m frame) (frame, error) {
	var c repb.ServerCapabilities
	if err := proto.Unmarshal(m, &c); err != nil {
		return nil, status.Error(codes.Internal, err.Error())
	}
	if c.LowApiVersion != nil {
		c.LowApiVersion.Major, c.LowApiVersion.Minor = 2, 0
	}
	return proto.Marshal(&c)
}

// operation returns field 1 of an Operation, or of a request that waits for one: its name.
func operation(m frame) string {
	number, kind, n := protowire.ConsumeTag(m)
	if number != 1 || kind != protowire.BytesType || n < 0 {
		return ""
	}
	name, _ := protowire.ConsumeString(m[n:])
	return strings.Clone(name)
}

func dial(tb testing.TB, addr string) *grpc.ClientConn {
	tb.Helper()
	c, err := grpc.NewClient("passthrough:///"+addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = c.Close() }) // nothing is lost with it
	return c
}

// frame is a message as it is on the wire.
type frame []byte

// raw is a codec that leaves messages as they are.
type raw struct{}

func (raw) Marshal(v any) (mem.BufferSlice, error) {
	return mem.BufferSlice{mem.SliceBuffer(*v.(*frame))}, nil
}

func (raw) Unmarshal(data mem.BufferSlice, v any) error {
	*v.(*frame) = data.Materialize()
	return nil
}

// Name is what the client names as its content.
func (raw) Name() string { return "proto" }
