package faults_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jasonwzm/release-builder/tools/internal/testing/faulttest"
)

// TestClock publishes from a machine whose clock is wrong, or jumps half-way, seen from the
// services. A service that asks to wait until a time is waited for as long as it means.
func TestClock(t *testing.T) {
	m := newMatrix(t)
	want := m.statesOf("cloud", m.releaser.release(0), m.releaser.release(1))[1]
	const year = 365 * 24 * time.Hour
	offsets := [][2]time.Duration{{-year, -year}, {year, year}, {0, year}, {0, -year}, {year, -year}}
	for _, write := range []string{"gcs POST", "s3 PUT", "github POST", "registry PUT"} {
		for n := range offsets {
			t.Run(fmt.Sprint(strings.ReplaceAll(write, " ", "-"), n), func(t *testing.T) {
				if err := m.clock(t, write, offsets[n], want); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

// clock publishes a release while the first write of a kind is refused until a time. The clocks
// of the services are off by the first offset, and half-way by the second.
func (m *matrix) clock(t *testing.T, write string, offsets [2]time.Duration, want state) error {
	w := newWorld(t, "cloud")
	w.layer.Begin(version(0), "", "")
	if err := m.publish(w, 0, w.home).publish(t.Context(), w.transport(), t.Logf); err != nil {
		return err
	}
	w.layer.Clock = func() time.Time {
		if len(w.layer.Log()) < 150 {
			return time.Now().Add(offsets[0])
		}
		return time.Now().Add(offsets[1])
	}
	w.s3.Clock = w.layer.Clock
	w.layer.Begin(version(1), write, faulttest.LimitedDate)
	began := time.Now()
	if err := m.publish(w, 1, w.home).publish(t.Context(), w.transport(), t.Logf); err != nil {
		return err
	}
	if took := time.Since(began); took > time.Minute {
		return fmt.Errorf("it took %s", took)
	}
	if requests := len(w.layer.Log()); !w.layer.Hit() || requests < 200 {
		return fmt.Errorf("a request was refused: %v; requests: got %d, want many", w.layer.Hit(), requests)
	}
	if lines := w.state(want, nil).diff(want); len(lines) > 0 {
		return errors.New(strings.Join(lines, "\n"))
	}
	return nil
}
