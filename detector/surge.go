package detector

import (
	"math"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/detector/memory"
	"github.com/holdfastd/holdfast/rules"
)

// baseline is what a surge knows of a group's own past.
type baseline struct {
	bucket         int64 // the current one: event time divided by the bucket's length
	count          int   // events in it
	fired          bool  // in it
	closed         int   // buckets that have trained the baseline
	mean, variance float64
}

// deviation is the standard deviation, which is never taken for less than that
// of rare independent events.
func (b *baseline) deviation() float64 { return math.Sqrt(max(b.variance, b.mean, 1)) }

// train lets a closed bucket with x events move the baseline.
func (b *baseline) train(x, alpha float64, surge *rules.Surge) {
	if b.closed == 0 {
		b.mean, b.variance = x, 0
	} else {
		if b.closed >= surge.Warmup {
			x = min(x, b.mean+surge.Sigmas*b.deviation()) // an attack must not become the norm
		}
		d := x - b.mean
		b.mean += alpha * d
		b.variance = (1 - alpha) * (b.variance + alpha*d*d)
	}
	b.closed++
}

// advance closes the buckets before the one that an event belongs to. A late
// event counts in the current one.
func (b *baseline) advance(bucket int64, surge *rules.Surge) {
	if bucket <= b.bucket {
		return
	}
	alpha := 1 - math.Exp2(-float64(surge.Bucket)/float64(surge.HalfLife))
	b.train(float64(b.count), alpha, surge)
	b.rest(bucket-b.bucket-1, alpha)
	b.bucket, b.count, b.fired = bucket, 0, false
}

// rest lets empty buckets train the baseline. A long run of them would take as
// long to go through; what comes of it is known: each takes the share alpha of the
// mean, and adds alpha times its square to the variance before taking its share of
// that.
func (b *baseline) rest(buckets int64, alpha float64) {
	const oneByOne = 1000
	for range min(buckets, oneByOne) {
		d := -b.mean
		b.mean += alpha * d
		b.variance = (1 - alpha) * (b.variance + alpha*d*d)
	}
	if more := buckets - oneByOne; more > 0 {
		left := math.Pow(1-alpha, float64(more))
		b.variance = left * (b.variance + b.mean*b.mean*(1-left))
		b.mean *= left
	}
	b.closed += int(buckets)
}

// floor is a/b rounded down, for positive b.
func floor(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// The words of a cellSurge, from the chunk's own first word.
const (
	surgeNewest   = iota + 1
	surgeBucket   //
	surgeCount    //
	surgeFired    // 1: in the current bucket
	surgeClosed   //
	surgeMean     // bits of a float64
	surgeVariance // likewise
)

func (b *baseline) read(c memory.Chunk) {
	*b = baseline{
		bucket: int64(c[surgeBucket]), count: int(c[surgeCount]), fired: c[surgeFired] == 1, closed: int(c[surgeClosed]),
		mean: math.Float64frombits(c[surgeMean]), variance: math.Float64frombits(c[surgeVariance]),
	}
}

func (b *baseline) write(c memory.Chunk) {
	c[surgeBucket], c[surgeCount], c[surgeFired], c[surgeClosed] = uint64(b.bucket), uint64(b.count), 0, uint64(b.closed)
	if b.fired {
		c[surgeFired] = 1
	}
	c[surgeMean], c[surgeVariance] = math.Float64bits(b.mean), math.Float64bits(b.variance)
}

// applySurge applies a rule that compares a group with its own past (DESIGN 3.8).
func (r *rulePlan) applySurge(e *Engine, s *scope, out *Output) {
	if !r.match.holds(s) || r.excepted(s) {
		return
	}
	g, set := r.admit(e, s, out)
	if set == nil {
		return
	}
	surge := r.rule.Surge
	bucket := floor(int64(s.Event.Time), int64(surge.Bucket))
	b, newest := baseline{bucket: bucket}, s.Event.Time
	if g.surge != 0 {
		c := e.arena.Read(g.surge)
		b.read(c)
		newest = max(newest, holdfast.Instant(c[surgeNewest]))
	}
	b.advance(bucket, surge)
	b.count++
	en := r.entryOf(e, s)
	fires := !b.fired && b.closed >= surge.Warmup && b.count >= surge.Min && float64(b.count) > b.mean+surge.Sigmas*b.deviation()
	if fires {
		b.fired = true
		e.evidence(&g, en)
		r.complete(e, s, &g, set, e.list)
	} else {
		e.keepEvidence(&g, en)
	}
	if c := e.cellOf(&g, cellSurge, surgeVariance); c != nil {
		b.write(c)
		c[surgeNewest] = uint64(newest)
	}
	e.settle(&g)
}
