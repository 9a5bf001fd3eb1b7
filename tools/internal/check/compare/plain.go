package compare

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
)

// windowSize is how much before and after the first difference is looked at for
// what it may be, in bytes.
const windowSize = 256

// plain compares bytes: in memory if both are small, else as they stream by.
func (e *explainer) plain(ctx context.Context, p pair) error {
	old, new, release, err := e.load(ctx, p)
	if err != nil {
		return err
	}
	defer release()
	if old == nil || new == nil {
		return e.stream(ctx, p)
	}
	e.data(finding{member: p.member, format: formatBinary, what: "content"}, old, new)
	return nil
}

// load reads both sides into memory until release is called. Both are nil if that
// is more than is held.
func (e *explainer) load(ctx context.Context, p pair) (old, new []byte, release func(), err error) {
	none := func() {}
	limit := min(maxHeld, (maxHeldAll-e.held)/2)
	if limit <= 0 || max(p.old.size, p.new.size) > limit {
		return nil, nil, none, nil
	}
	if old, err = readUpTo(ctx, p.old, limit); err != nil || old == nil {
		return nil, nil, none, err
	}
	if new, err = readUpTo(ctx, p.new, limit); err != nil || new == nil {
		return nil, nil, none, err
	}
	n := int64(len(old) + len(new))
	e.held += n
	return old, new, func() { e.held -= n }, e.charge(n)
}

// data notes the first difference of two byte strings, and what it is if that can
// be told from all of them.
func (e *explainer) data(f finding, old, new []byte) {
	at := commonPrefix(old, new)
	if at == len(old) && at == len(new) {
		return
	}
	start := max(0, at-windowSize)
	f.at = at - start
	f.old, f.new = string(old[start:min(len(old), at+windowSize)]), string(new[start:min(len(new), at+windowSize)])
	f.shownOld, f.shownNew = shownBytes(f.old, f.at, int64(at)), shownBytes(f.new, f.at, int64(at))
	if causeOf(f, e.cpus) == "" {
		if g, ok := leak(f, old, new); ok {
			f = g
		}
	}
	e.note(f)
}

func shownBytes(window string, at int, offset int64) string {
	return fmt.Sprintf("at %d: %s", offset, bytesAt([]byte(window), at))
}

// stream finds the first difference without holding more than a buffer.
func (e *explainer) stream(ctx context.Context, p pair) error {
	a, err := p.old.open(ctx)
	if err != nil {
		return err
	}
	defer a.Close()
	b, err := p.new.open(ctx)
	if err != nil {
		return err
	}
	defer b.Close()
	const step = 64 << 10
	old, new := bufio.NewReaderSize(a, 2*step), bufio.NewReaderSize(b, 2*step)
	var before []byte
	for offset := int64(0); ; {
		x, errX := old.Peek(step)
		y, errY := new.Peek(step)
		if err := firstError(errX, errY, ctx.Err()); err != nil {
			return err
		}
		n := commonPrefix(x, y)
		if n == len(x) && n == len(y) && n == 0 {
			return nil
		}
		if n < step {
			f := finding{member: p.member, format: formatBinary, what: "content", at: len(before)}
			if n > 0 {
				before = append(before, x[:n]...)
			}
			before = bytes.Clone(before[max(0, len(before)-windowSize):])
			f.at = len(before)
			f.old, f.new = string(before)+window(x[n:]), string(before)+window(y[n:])
			if n == len(x) && n == len(y) {
				return nil // both end here
			}
			f.shownOld, f.shownNew = shownBytes(f.old, f.at, offset+int64(n)), shownBytes(f.new, f.at, offset+int64(n))
			e.note(f)
			return nil
		}
		before = append(before[:0], x[n-windowSize:n]...)
		old.Discard(n) // what was peeked at is there
		new.Discard(n)
		offset += int64(n)
		if err := e.charge(2 * int64(n)); err != nil {
			return err
		}
	}
}

func window(data []byte) string { return string(data[:min(len(data), windowSize)]) }

// firstError returns the first that is not the end of its reader.
func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
			return err
		}
	}
	return nil
}
