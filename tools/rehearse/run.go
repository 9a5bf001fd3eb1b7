package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/release"
	"github.com/jasonwzm/release-builder/tools/internal/base/cli"
	"github.com/jasonwzm/release-builder/tools/internal/base/environ"
	"github.com/jasonwzm/release-builder/tools/internal/input/profile"
	"github.com/jasonwzm/release-builder/tools/internal/publish"
	"github.com/jasonwzm/release-builder/tools/internal/publish/destinations"
	"github.com/jasonwzm/release-builder/tools/internal/publish/session"
	"github.com/jasonwzm/release-builder/tools/internal/testing/faulttest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/githubtest"
	"github.com/jasonwzm/release-builder/tools/internal/web"
)

const (
	// child is the variable with the run of a process that a fault is going to end.
	child       = "RELEASE_REHEARSE_RUN"
	keyVariable = "RELEASE_REHEARSE_KEY"
	// idle is how long a silent server is waited for.
	idle = 10 * time.Second
)

// A job is one publication to the services of a world.
type job struct {
	Line, Release, State, Home, GitHub, Key string
	Profile                                 profile.Profile
}

func (j *job) env(name string) string {
	return map[string]string{"GITHUB_API_URL": j.GitHub, "GH_TOKEN": githubtest.Token, keyVariable: j.Key, "HOME": j.Home}[name]
}

// open opens the release and the services. It prints warnings as publish does.
func (j *job) open(ctx context.Context, base http.RoundTripper, log func(string, ...any)) (*session.Session, error) {
	transport := web.New(web.Config{Base: base, Idle: idle, Retry: web.Retry{Log: log}})
	return session.Open(ctx, session.Args{Line: j.Line, Profile: j.Profile, Release: j.Release, State: j.State, Transport: transport, Env: j.env, Log: log})
}

// publish does what the command does. The receipt is what it ends with.
func (j *job) publish(ctx context.Context, base http.RoundTripper, log func(string, ...any)) (*publish.Receipt, error) {
	s, err := j.open(ctx, base, log)
	if err != nil {
		return nil, err
	}
	plan, err := s.Plan(ctx)
	if err == nil {
		err = plan.Conflicts()
	}
	if err != nil {
		return nil, err
	}
	_, receipt, err := s.Apply(ctx, plan)
	return receipt, err
}

// plan is what publish would find.
func (j *job) plan(ctx context.Context, base http.RoundTripper) (*publish.Plan, error) {
	s, err := j.open(ctx, base, func(string, ...any) {})
	if err != nil {
		return nil, err
	}
	return s.Plan(ctx)
}

// verify reads back all that a receipt names.
func (j *job) verify(ctx context.Context, base http.RoundTripper, r *publish.Receipt) error {
	all, err := destinations.Open(ctx, destinations.Args{Profile: r.Profile, Transport: base, Env: j.env})
	if err != nil {
		return err
	}
	return r.Verify(ctx, all, true)
}

// job returns the job of a world.
func (o *options) job(w *world, tree *release.Tree) *job {
	return &job{
		Line: o.line, Release: o.release, State: filepath.Join(w.home, "state"), Home: w.home, GitHub: w.github.URL, Key: w.key, Profile: w.local(o.profile, tree.Lock),
	}
}

func (w *world) transport() http.RoundTripper { return w.layer.Transport(w.base, w.services) }

// faulty publishes while a request fails. If the fault ends the process, another process
// publishes.
func (j *job) faulty(ctx context.Context, w *world, fault faulttest.Fault, stderr io.Writer) error {
	if !fault.Kills() {
		_, err := j.publish(ctx, w.transport(), said(stderr))
		if err != nil {
			cli.Fail(stderr, "publish", web.Redact(err))
		}
		return err
	}
	text, err := json.Marshal(j)
	if err != nil {
		return err
	}
	program, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := environ.Command(ctx, append(environ.User(), child+"="+string(text)), program)
	cmd.Stdout, cmd.Stderr = stderr, stderr
	return w.layer.Run(cmd)
}

// publishChild publishes in a process that a fault is going to end.
func publishChild(ctx context.Context, text string, stderr io.Writer) int {
	var j job
	err := json.Unmarshal([]byte(text), &j)
	if err == nil {
		_, err = j.publish(ctx, web.NewTransport(), said(stderr))
	}
	if err != nil {
		return cli.Fail(stderr, "publish", err)
	}
	return cli.OK
}

func said(w io.Writer) func(string, ...any) {
	return func(format string, args ...any) { fmt.Fprintf(w, "publish: "+format+"\n", args...) }
}

// counted says how much of a plan is there.
func counted(p *publish.Plan) string {
	var there, all, moved, pointers int
	for _, d := range p.Destinations {
		for _, i := range d.Items {
			done := i.State == publish.Equal || i.State == publish.Kept
			if i.Phase == publish.Upload {
				all++
				if done {
					there++
				}
				continue
			}
			pointers++
			if done {
				moved++
			}
		}
	}
	return fmt.Sprintf("%d of %d contents are there, %d of %d pointers and receipts", there, all, moved, pointers)
}

var errNotMet = errors.New("the request did not come: requests that are made at the same time are not always as many; run it again")
