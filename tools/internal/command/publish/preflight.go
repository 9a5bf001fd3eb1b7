package publish

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/jasonwzm/release-builder/tools/internal/base/cli"
	"github.com/jasonwzm/release-builder/tools/internal/publish"
	"github.com/jasonwzm/release-builder/tools/internal/web"
)

const (
	// mostSkew is how far a clock may be off: services refuse tokens and signatures from
	// another time, the first of them after 5 minutes.
	mostSkew = 4 * time.Minute
	// soon is the time before the end of a certificate in which it is worth a word.
	soon = 14 * 24 * time.Hour
)

// preflightSchema is the schema of what --preflight --json prints.
const preflightSchema = "release-builder/preflight/v1"

// showPreflight prints what a preflight found out. A plan that cannot be made, or has conflicts,
// is bad too.
func (o *options) showPreflight(w io.Writer, all []publish.Findings, plan *publish.Plan, failed error) (int, error) {
	var hosts publish.Findings
	hosts.Destination = "servers"
	for _, h := range o.hosts.Seen() {
		hosts.Findings = append(hosts.Findings, aboutHost(h, time.Now()))
	}
	if len(hosts.Findings) > 0 {
		all = append(all, hosts)
	}
	if failed == nil {
		failed = plan.Conflicts()
	}
	errs := []error{failed}
	for i := range all {
		errs = append(errs, all[i].Err())
	}
	err := errors.Join(errs...)
	if o.json {
		return exit(err), errors.Join(err, writeJSON(w, map[string]any{"schema": preflightSchema, "destinations": all}))
	}
	for _, f := range all {
		if len(f.Findings) == 0 {
			fmt.Fprintf(w, "%s: the release has nothing for it\n", f.Destination)
			continue
		}
		fmt.Fprintf(w, "%s\n", f.Destination)
		for _, one := range f.Findings {
			line := fmt.Sprintf("  %-7s %s", one.Result, one.What)
			if one.Detail != "" {
				line += ": " + one.Detail
			}
			fmt.Fprintln(w, cli.Line(line))
		}
	}
	return exit(err), err
}

func exit(err error) int {
	if err != nil {
		return cli.Failure
	}
	return cli.OK
}

// aboutHost says what a server's answers tell about the clock and its certificate.
func aboutHost(h web.Host, now time.Time) publish.Finding {
	var errs []error
	detail := ""
	if skew := h.Skew.Round(time.Second); skew.Abs() > mostSkew {
		errs = append(errs, fmt.Errorf("this machine's clock is off by %s: set it", skew))
	} else if h.Dated {
		detail = "the clocks agree"
	}
	if !h.Expires.IsZero() {
		until := "its certificate is valid until " + h.Expires.UTC().Format(time.DateOnly)
		if h.Expires.Sub(now) < soon {
			errs = append(errs, errors.New(until))
		}
		detail = join(detail, until)
	}
	f := publish.Found(h.Name, errors.Join(errs...))
	f.Detail = cmp.Or(f.Detail, detail)
	return f
}

func join(a, b string) string {
	if a == "" {
		return b
	}
	return a + ", " + b
}
