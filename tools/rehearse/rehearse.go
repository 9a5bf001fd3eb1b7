package main

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/release"
	"github.com/jasonwzm/release-builder/tools/internal/base/cli"
	"github.com/jasonwzm/release-builder/tools/internal/testing/faulttest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/gittest"
)

// rehearse publishes without a fault, then while a request fails.
func (o *options) rehearse(ctx context.Context, t *testing.T) error {
	gittest.Env(t)
	t.Setenv("DOCKER_CONFIG", t.TempDir())
	t.Setenv("AWS_REGION", "us-east-1")
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	tree, err := release.Open(ctx, release.Dir(o.release))
	if err != nil {
		return err
	}
	requests, err := o.without(ctx, t, tree)
	if err != nil {
		return fmt.Errorf("without a fault: %w", err)
	}
	if o.list {
		for _, r := range requests {
			fmt.Fprintln(o.stdout, r)
		}
		return nil
	}
	request, fault, err := o.choose(requests)
	if err != nil {
		return err
	}
	return o.with(ctx, t, tree, request, fault)
}

// without publishes while nothing fails. It returns the names of the requests.
func (o *options) without(ctx context.Context, t *testing.T, tree *release.Tree) ([]string, error) {
	w := newWorld(t)
	j := o.job(w, tree)
	if !o.list {
		for _, what := range w.without {
			fmt.Fprintf(o.stdout, "rehearse: left out: %s\n", what)
		}
	}
	w.layer.Begin(tree.Version, "", "")
	start := time.Now()
	receipt, err := j.publish(ctx, w.transport(), said(t.Output()))
	if err != nil {
		return nil, err
	}
	requests := w.layer.Log()
	if !o.list {
		fmt.Fprintf(o.stdout, "rehearse: without a fault: %s to %d destinations like those of %q, with %d requests in %.1f s\n",
			tree.Version, len(receipt.Destinations), o.profile.Name, len(requests), time.Since(start).Seconds())
	}
	return requests, j.verify(ctx, w.base, receipt)
}

// with publishes while a request fails, and again.
func (o *options) with(ctx context.Context, t *testing.T, tree *release.Tree, request string, fault faulttest.Fault) error {
	w := newWorld(t)
	j := o.job(w, tree)
	fmt.Fprintf(o.stdout, "rehearse: with a fault: %s: %s\n", request, fault)
	if o.fault == "" || o.request.String() == "" {
		fmt.Fprintf(o.stdout, "rehearse: the same again: --fault %s --request '^%s$'\n", fault, quoted(request))
	}
	w.layer.Begin(tree.Version, request, fault)
	start := time.Now()
	err := j.faulty(ctx, w, fault, o.stdout)
	switch {
	case !w.layer.Hit():
		return errNotMet
	case err == nil:
		fmt.Fprintf(o.stdout, "rehearse: the run gets over it by itself, in %.1f s\n", time.Since(start).Seconds())
	default:
		fmt.Fprintf(o.stdout, "rehearse: the run ends after %.1f s: %v\n", time.Since(start).Seconds(), cli.Printable(firstLine(err)))
	}
	w.layer.Begin(tree.Version, "", "")
	plan, err := j.plan(ctx, w.base)
	if err != nil {
		return fmt.Errorf("planning after it: %w", err)
	}
	fmt.Fprintf(o.stdout, "rehearse: what is there now: %s\n", counted(plan))
	start = time.Now()
	receipt, err := j.publish(ctx, w.transport(), said(o.stdout))
	if err != nil {
		return fmt.Errorf("the same command again: %w", err)
	}
	if plan, err = j.plan(ctx, w.base); err != nil {
		return err
	}
	if left := plan.Changes(); left > 0 || plan.Conflicts() != nil {
		return errors.Join(fmt.Errorf("after the same command again: %d changes are left", left), plan.Conflicts())
	}
	if err := j.verify(ctx, w.base, receipt); err != nil {
		return fmt.Errorf("after the same command again: %w", err)
	}
	fmt.Fprintf(o.stdout, "rehearse: the same command again: with %d requests in %.1f s: %s; all was read back\n", len(w.layer.Log()), time.Since(start).Seconds(), counted(plan))
	return nil
}

func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}

// quoted returns a regular expression that a shell takes between quotes.
func quoted(request string) string { return strings.ReplaceAll(regexp.QuoteMeta(request), "'", ".") }
