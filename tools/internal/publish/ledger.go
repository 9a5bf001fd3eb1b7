package publish

import (
	"errors"
	"io/fs"
	"sync"

	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/base/fileio"
	"github.com/jasonwzm/release-builder/tools/internal/base/jsonfile"
	"github.com/jasonwzm/release-builder/tools/internal/web"
)

// LedgerSchema is the format of a ledger.
const LedgerSchema = "release-builder/ledger/v1"

// A Ledger is a file that records how far a run got, for the person who runs the next one:
// the phase, and the number of written items of each destination. No run depends on it. A nil
// Ledger does nothing.
type Ledger struct {
	name string
	mu   sync.Mutex
	now  LedgerState
}

// LedgerState is the content of a ledger.
type LedgerState struct {
	Schema  string        `json:"schema"`
	Version string        `json:"version"`
	Lock    digest.Digest `json:"lock"`
	// Phase is upload, record, reveal or done.
	Phase string `json:"phase"`
	// Written is the number of items that a run wrote, for each destination.
	Written map[string]int `json:"written,omitempty"`
	// Revealed are the pointers that it moved, in order.
	Revealed []string `json:"revealed,omitempty"`
	// Error is the error that ended the run.
	Error string `json:"error,omitempty"`
}

// OpenLedger returns the ledger in the named file, and the state that the last run left. The
// state is empty if the file does not exist or cannot be read.
func OpenLedger(name string) (*Ledger, LedgerState) {
	var last LedgerState
	if err := jsonfile.Read(name, &last); err != nil && !errors.Is(err, fs.ErrNotExist) {
		last = LedgerState{}
	}
	return &Ledger{name: name}, last
}

func (l *Ledger) begin(p *Plan) error {
	return l.update(true, func(s *LedgerState) {
		*s = LedgerState{Schema: LedgerSchema, Version: p.Version, Lock: p.Lock, Phase: string(Upload), Written: map[string]int{}}
	})
}

func (l *Ledger) enter(phase Phase) error {
	return l.update(true, func(s *LedgerState) { s.Phase = string(phase) })
}

func (l *Ledger) end() error { return l.update(true, func(s *LedgerState) { s.Phase = "done" }) }

func (l *Ledger) fail(err error) error {
	return l.update(true, func(s *LedgerState) { s.Error = web.Redact(err).Error() })
}

// done counts an item. It saves each pointer, because there are few. If saving fails, the
// next write that has to succeed fails too.
func (l *Ledger) done(destination string, i Item) {
	_ = l.update(i.Phase == Reveal, func(s *LedgerState) {
		s.Written[destination]++
		if i.Phase == Reveal {
			s.Revealed = append(s.Revealed, i.Name)
		}
	})
}

// update changes the state and, if save is true, the file.
func (l *Ledger) update(save bool, change func(*LedgerState)) error {
	if l == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	change(&l.now)
	if !save {
		return nil
	}
	return writePrivate(l.name, &l.now)
}

// writePrivate replaces a JSON file that only its owner can read.
func writePrivate(name string, v any) error {
	data, err := jsonfile.Marshal(v)
	if err != nil {
		return err
	}
	return fileio.WriteFile(name, data, 0o600)
}
