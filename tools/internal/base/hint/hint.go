// Package hint attaches hints to errors: what the reader can do. Commands print them after
// the error: see package cli.
package hint

import (
	"errors"
	"fmt"
	"slices"
)

// With attaches a hint to err. If err is nil, so is the result.
func With(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	return &hinted{err, fmt.Sprintf(format, args...)}
}

type hinted struct {
	err  error
	hint string
}

func (h *hinted) Error() string { return h.err.Error() }
func (h *hinted) Unwrap() error { return h.err }

// Split returns the errors that are joined in err. An error that wraps a join, or several
// errors, in a message of its own is not split.
func Split(err error) []error {
	if h, ok := err.(*hinted); ok {
		return Split(h.err)
	}
	j, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return []error{err}
	}
	if joined := errors.Join(j.Unwrap()...); joined == nil || joined.Error() != err.Error() {
		return []error{err}
	}
	var all []error
	for _, e := range j.Unwrap() {
		all = append(all, Split(e)...)
	}
	return all
}

// Of returns the hints of err and of the errors it wraps, in order, without duplicates.
func Of(err error) []string { return collect(err, nil) }

func collect(err error, seen []string) []string {
	if h, ok := err.(*hinted); ok && !slices.Contains(seen, h.hint) {
		seen = append(seen, h.hint)
	}
	switch u := err.(type) {
	case interface{ Unwrap() error }:
		if e := u.Unwrap(); e != nil {
			return collect(e, seen)
		}
	case interface{ Unwrap() []error }:
		for _, e := range u.Unwrap() {
			seen = collect(e, seen)
		}
	}
	return seen
}
