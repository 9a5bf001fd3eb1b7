package main

import "container/heap"

// A Model is what executes the actions. A rate of 0 has no limit.
type Model struct {
	Workers  int
	Cores    int     // of a worker: as many actions at a time
	Overhead float64 // seconds that a worker needs for each action beside the action itself
	CAS      float64 // bytes per second that the content-addressable storage sends and receives
	Link     float64 // the same for a worker
	Client   float64 // the same for the client
}

// A Result says how long a build takes in a model, and what it moves.
type Result struct {
	Makespan float64 // seconds
	Sent     int64   // bytes from the CAS to workers
	Stored   int64   // bytes from workers to the CAS
	Uploaded int64   // bytes from the client
	Fetched  int64   // bytes to the client
	Used     int     // workers that ran an action
	// Least is what the makespan cannot be below: the critical path, the work divided by the
	// cores, or the client's transfers.
	Least float64
	// Chain has the seconds of the makespan by what they were spent for: those of the action that
	// ended last, of the one that it waited for last, and so on.
	Chain [parts]float64
}

// The parts of a chain.
const (
	forClient   = iota // the client sends or fetches
	forCore            // an action waits for a core
	forTransfer        // a worker fetches or stores
	forAction          // an action runs, or has its overhead
	parts
)

// Limit returns the largest part of the chain.
func (r *Result) Limit() int {
	most := 0
	for i, s := range r.Chain {
		if s > r.Chain[most] {
			most = i
		}
	}
	return most
}

// A pipe sends one thing after the other.
type pipe struct{ rate, free float64 }

// send returns when bytes that are ready now have been sent.
func (p *pipe) send(now float64, bytes int64) float64 {
	if p.rate == 0 || bytes == 0 {
		return now
	}
	p.free = max(p.free, now) + float64(bytes)/p.rate
	return p.free
}

// The steps of an action.
const (
	uploaded = iota // its inputs are in the CAS
	executed        // the program has ended
	done            // its outputs are in the CAS
)

type event struct {
	at     float64
	seq    int // breaks ties
	step   int
	action int
	worker int
}

type events []event

func (e events) Len() int { return len(e) }
func (e events) Less(i, j int) bool {
	return e[i].at < e[j].at || e[i].at == e[j].at && e[i].seq < e[j].seq
}
func (e events) Swap(i, j int) { e[i], e[j] = e[j], e[i] }
func (e *events) Push(x any)   { *e = append(*e, x.(event)) }
func (e *events) Pop() any {
	last := (*e)[len(*e)-1]
	*e = (*e)[:len(*e)-1]
	return last
}

// A worker has a cache of content, which it never deletes.
type worker struct {
	cache []uint64 // a bit for each blob
	link  pipe
	busy  int // cores
}

func (w *worker) has(b int32) bool { return w.cache[b/64]&(1<<(b%64)) != 0 }
func (w *worker) put(b int32)      { w.cache[b/64] |= 1 << (b % 64) }

// A simulation is one run of a plan.
type simulation struct {
	p       *plan
	m       Model
	result  Result
	events  events
	seq     int
	waits   []int
	queue   []int // actions that wait for a core, the first come first
	workers []worker
	first   int // no worker before it has a free core
	cas     pipe
	client  pipe
	stored  []float64 // of the client's blobs: when it is in the CAS; -1 if nobody needed it yet
	steps   []steps   // of the actions
}

// steps are the times of an action, in their order.
type steps struct {
	woken                                             int // the action that it waited for last; -1 if it waited for none
	ready, uploaded, started, fetched, executed, done float64
}

// simulate runs a plan: an action is ready when all its inputs are made. The client uploads those
// that are its own. Ready actions wait in one queue for the first worker with a free core, which
// fetches what it has not yet, runs the action, and stores the outputs.
func simulate(p *plan, m Model) Result {
	r := &simulation{p: p, m: m, waits: append([]int(nil), p.waits...), workers: make([]worker, m.Workers),
		cas: pipe{rate: m.CAS}, client: pipe{rate: m.Client}, stored: make([]float64, len(p.bytes)), steps: make([]steps, len(p.names))}
	for i := range r.stored {
		r.stored[i] = -1
	}
	now, last := 0.0, -1
	for i, n := range r.waits {
		if n == 0 {
			r.ready(now, i, -1)
		}
	}
	for len(r.events) > 0 {
		e := heap.Pop(&r.events).(event)
		now = e.at
		switch e.step {
		case uploaded:
			r.steps[e.action].uploaded = now
			r.queue = append(r.queue, e.action)
		case executed:
			r.steps[e.action].executed = now
			r.store(now, e)
		case done:
			r.steps[e.action].done = now
			last = e.action
			r.workers[e.worker].busy--
			r.first = min(r.first, e.worker)
			for _, w := range p.wakes[e.action] {
				if r.waits[w]--; r.waits[w] == 0 {
					r.ready(now, int(w), e.action)
				}
			}
		}
		r.start(now)
	}
	for _, b := range p.goal {
		r.result.Fetched += p.bytes[b]
	}
	r.result.Makespan = max(r.client.send(now, r.result.Fetched), r.cas.send(now, r.result.Fetched))
	r.result.Chain[forClient] += r.result.Makespan - now
	r.chain(last)
	r.least()
	return r.result
}

func (r *simulation) add(at float64, step, action, worker int) {
	r.seq++
	heap.Push(&r.events, event{at, r.seq, step, action, worker})
}

// ready has the client upload what an action reads of its files.
func (r *simulation) ready(now float64, action, woken int) {
	at := now
	r.steps[action].ready, r.steps[action].woken = now, woken
	for _, b := range r.p.inputs[action] {
		if !r.p.local[b] {
			continue
		}
		if r.stored[b] < 0 {
			r.stored[b] = max(r.client.send(now, r.p.bytes[b]), r.cas.send(now, r.p.bytes[b]))
			r.result.Uploaded += r.p.bytes[b]
		}
		at = max(at, r.stored[b])
	}
	r.add(at, uploaded, action, 0)
}

// start gives the actions of the queue to workers.
func (r *simulation) start(now float64) {
	for len(r.queue) > 0 {
		for r.first < len(r.workers) && r.workers[r.first].busy == r.m.Cores {
			r.first++
		}
		if r.first == len(r.workers) {
			return
		}
		action := r.queue[0]
		r.queue = r.queue[1:]
		w := &r.workers[r.first]
		if w.cache == nil {
			w.cache, w.link = make([]uint64, (len(r.p.bytes)+63)/64), pipe{rate: r.m.Link}
			r.result.Used++
		}
		w.busy++
		var bytes int64
		for _, b := range r.p.inputs[action] {
			if !w.has(b) {
				w.put(b)
				bytes += r.p.bytes[b]
			}
		}
		r.result.Sent += bytes
		here := max(w.link.send(now, bytes), r.cas.send(now, bytes))
		r.steps[action].started, r.steps[action].fetched = now, here
		r.add(here+r.m.Overhead+r.p.seconds[action], executed, action, r.first)
	}
}

// store has a worker store the outputs of an action.
func (r *simulation) store(now float64, e event) {
	w := &r.workers[e.worker]
	var bytes int64
	for _, b := range r.p.outputs[e.action] {
		w.put(b)
		bytes += r.p.bytes[b]
	}
	r.result.Stored += bytes
	r.add(max(w.link.send(now, bytes), r.cas.send(now, bytes)), done, e.action, e.worker)
}

// chain adds what the time until the end of an action was spent for.
func (r *simulation) chain(last int) {
	for i := last; i >= 0; i = r.steps[i].woken {
		s := r.steps[i]
		c := &r.result.Chain
		c[forClient] += s.uploaded - s.ready
		c[forCore] += s.started - s.uploaded
		c[forTransfer] += s.fetched - s.started + s.done - s.executed
		c[forAction] += s.executed - s.fetched
	}
}

// least computes what the makespan cannot be below.
func (r *simulation) least() {
	_, path := r.p.criticalPath(r.m.Overhead)
	r.result.Least = max(path, r.p.work(r.m.Overhead)/float64(r.m.Workers*r.m.Cores))
	if r.m.Client > 0 {
		r.result.Least = max(r.result.Least, float64(r.result.Uploaded+r.result.Fetched)/r.m.Client)
	}
}
