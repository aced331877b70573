package detector_test

import (
	"math"
	"slices"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/rules"
	"github.com/holdfastd/holdfast/rules/expression"
)

// count is 3.3, count and distinct.
func (r *reference) count(rule *rules.Rule, s *refState, group []string, e refEvent) *refAlert {
	// "if `cancel` matches *e*: remove all entries, or with `same` […] those
	// equal to *e* in every one of these fields […]; stop."
	if rule.Cancel != nil && r.holds(rule, rule.Cancel.Match, e) {
		s.entries = slices.DeleteFunc(s.entries, func(x refEvent) bool { return same(rule.Cancel.Same, e, x) })
		return nil
	}
	// "Else if `match` is true and no exception matches […]: if *t* ≤
	// suppressed-until, it is an occurrence".
	if !r.holds(rule, rule.Match, e) || r.excepted(rule, e) || s.occurs(e) {
		return nil
	}
	// "Otherwise append (*t*, offset), and drop the entries older than `T -
	// timespan`, where `T` is the newest time among the entries (one exactly
	// `timespan` old stays; the new one can be the one to go)."
	s.entries = append(s.entries, e)
	oldest := newestOf(s.entries).Add(-rule.Timespan)
	s.entries = slices.DeleteFunc(s.entries, func(x refEvent) bool { return x.Time < oldest })
	// "Entries per group are capped ([…] the first to arrive is dropped […])."
	for len(s.entries) > r.options.MaxEntries {
		s.entries = s.entries[1:]
	}
	// "`count: n` holds at n entries. […] Both may stand together."
	if len(s.entries) < rule.Count {
		return nil
	}
	for _, d := range rule.Distinct {
		if different(d.Field, s.entries) < d.Count {
			return nil
		}
	}
	// "If the condition holds, **fire** with all remaining entries as evidence,
	// clear the list".
	evidence := s.entries
	s.entries = nil
	return r.met(rule, s, group, e, evidence)
}

// different is 3.3: "each named field has at least n different non-empty values
// among the entries (an entry whose field is empty adds none)".
func different(field expression.Field, entries []refEvent) int {
	found := map[string]bool{}
	for _, x := range entries {
		if v := field.Value(&expression.Scope{Event: &x.Event}); v != "" {
			found[v] = true
		}
	}
	return len(found)
}

// refSequence is a group of 3.4.
type refSequence struct {
	chains map[int][]refEvent // by the number of steps they have made
	newest holdfast.Instant   // "`T` = the newest time of an event that matched any step"
	begun  bool               // there is a newest
}

// sequence is 3.4.
func (r *reference) sequence(rule *rules.Rule, s *refState, group []string, e refEvent) *refAlert {
	// "`until` drops all chains, also while suppressed, and its event is not
	// counted." And `T` is the newest "since the chains were last dropped by
	// firing or `until`".
	if rule.Until != nil && r.holds(rule, rule.Until, e) {
		s.refSequence = refSequence{}
		return nil
	}
	// "a step with `count: n` is that step n times in a row"
	var steps []*expression.Program
	for _, step := range rule.Sequence {
		steps = append(steps, slices.Repeat([]*expression.Program{step.Match}, step.Count)...)
	}
	matches := func(p *expression.Program) bool { return r.holds(rule, p, e) }
	// "until suppressed-until every event that matches a step is an occurrence
	// and builds nothing"; "Exceptions as in 3.3, for every step."
	if !slices.ContainsFunc(steps, matches) || r.excepted(rule, e) || s.occurs(e) {
		return nil
	}
	if !s.refSequence.begun || e.Time > s.refSequence.newest {
		s.refSequence.newest, s.refSequence.begun = e.Time, true
	}
	// "An event serves one step of a chain": each chain is extended as it was
	// before the event. "A chain that is extended also stays where it was".
	extended := map[int][]refEvent{}
	for made, step := range steps {
		if matches(step) && (made == 0 || s.chains[made] != nil) {
			extended[made+1] = append(slices.Clone(s.chains[made]), e)
		}
	}
	if s.chains == nil {
		s.chains = map[int][]refEvent{}
	}
	for made, chain := range extended {
		// "Of the chains that reach the same step, the one whose earliest event
		// is latest is kept (on a tie, the one formed first)."
		if s.chains[made] == nil || earliestOf(chain) > earliestOf(s.chains[made]) {
			s.chains[made] = chain
		}
	}
	// "A chain whose earliest event is older than `T - timespan` is dropped".
	for made, chain := range s.chains {
		if earliestOf(chain) < s.refSequence.newest.Add(-rule.Timespan) {
			delete(s.chains, made)
		}
	}
	// "When the last step is reached: fire with that chain's events, drop all
	// chains, suppress".
	if whole := s.chains[len(steps)]; whole != nil {
		s.refSequence = refSequence{}
		return r.met(rule, s, group, e, whole)
	}
	return nil
}

// lastEvents is 3.7 and 3.8: "Evidence: the last 100 events".
const lastEvents = 100

// take adds an event to the evidence of 3.7 or 3.8.
func (s *refState) take(e refEvent) {
	s.entries = append(s.entries, e)
	s.entries = s.entries[max(0, len(s.entries)-lastEvents):]
}

// metByLast is met for the evidence that take collects, which starts anew.
func (r *reference) metByLast(rule *rules.Rule, s *refState, group []string, e refEvent) *refAlert {
	evidence := s.entries
	s.entries = nil
	return r.met(rule, s, group, e, evidence)
}

// refScore is a group of 3.7.
type refScore struct {
	sum     float64
	newest  holdfast.Instant // "Decay runs from the newest time so far"
	begun   bool             // there is a newest
	rounded bool             // the sum may differ in its last bits
}

// score is 3.7.
func (r *reference) score(rule *rules.Rule, s *refState, group []string, e refEvent) *refAlert {
	// "plus the points of every line that matches"
	matched, points := false, 0.0
	for _, line := range rule.Score.Points {
		if r.holds(rule, line.Match, e) {
			matched = true
			points += line.Add
		}
	}
	// "Suppressed and excepted events add nothing."
	if !matched || r.excepted(rule, e) || s.occurs(e) {
		return nil
	}
	// "a sum that halves every half_life of event time"; "Decay runs from the
	// newest time so far (firing does not reset it); an older event adds its
	// points without decay."
	if s.refScore.begun && e.Time > s.refScore.newest {
		age := e.Time.Sub(s.refScore.newest)
		s.sum *= math.Exp2(-float64(age) / float64(rule.Score.HalfLife))
		s.rounded = s.rounded || s.sum > 0 && age%rule.Score.HalfLife != 0
	}
	if !s.refScore.begun || e.Time > s.refScore.newest {
		s.refScore.newest, s.refScore.begun = e.Time, true
	}
	s.sum += points
	s.take(e)
	r.doubtful = r.doubtful || s.rounded && nearly(s.sum, rule.Score.Threshold)
	// "fires at the threshold; then sum and evidence start anew"
	if s.sum < rule.Score.Threshold {
		return nil
	}
	s.sum, s.rounded = 0, false
	return r.metByLast(rule, s, group, e)
}

// refSurge is a group of 3.8.
type refSurge struct {
	bucket int64            // the current one, counted from the epoch
	newest holdfast.Instant // of the events counted
	begun  bool             // there is a current bucket
	events int              // in the current bucket
	alarm  bool             // the current bucket has fired

	closed         int // buckets
	mean, variance float64
}

// surge is 3.8.
func (r *reference) surge(rule *rules.Rule, s *refState, group []string, e refEvent) *refAlert {
	// "Suppression and exceptions as ever".
	if !r.holds(rule, rule.Match, e) || r.excepted(rule, e) || s.occurs(e) {
		return nil
	}
	// "Buckets are aligned to the epoch; a late event counts in the current
	// one."
	bucket := int64(math.Floor(float64(e.Time) / float64(rule.Surge.Bucket)))
	if !s.refSurge.begun {
		s.bucket, s.refSurge.newest, s.refSurge.begun = bucket, e.Time, true
	}
	s.refSurge.newest = max(s.refSurge.newest, e.Time)
	// "When a bucket closes (empty ones in between too), its count *x* trains
	// the baseline".
	for s.bucket < bucket {
		s.close(rule.Surge)
	}
	s.events++
	s.take(e)
	// "Fires, once a bucket, as soon as the current bucket has at least `min`
	// events and more than `mean + sigmas*sd`, after `warmup`."
	if s.alarm || s.closed < rule.Surge.Warmup || s.events < rule.Surge.Min {
		return nil
	}
	r.doubtful = r.doubtful || nearly(float64(s.events), s.limit(rule.Surge))
	if float64(s.events) <= s.limit(rule.Surge) {
		return nil
	}
	s.alarm = true
	return r.metByLast(rule, s, group, e)
}

// close closes the current bucket: "first `mean = x, var = 0`, then with `a = 1
// - 2^(-bucket/half_life)`, `d = x - mean`: `mean += a*d`, `var = (1-a)*(var +
// a*d²)`; after `warmup` closed buckets *x* is first cut to `mean + sigmas*sd`".
func (s *refSurge) close(surge *rules.Surge) {
	x := float64(s.events)
	if s.closed >= surge.Warmup {
		x = min(x, s.limit(surge))
	}
	if s.closed == 0 {
		s.mean, s.variance = x, 0
	} else {
		a := 1 - math.Exp2(-float64(surge.Bucket)/float64(surge.HalfLife))
		d := x - s.mean
		s.mean += a * d
		s.variance = (1 - a) * (s.variance + a*d*d)
	}
	s.closed++
	s.bucket++
	s.events, s.alarm = 0, false
}

// limit is "`mean + sigmas*sd`", with "`sd = sqrt(max(var, mean, 1))`".
func (s *refSurge) limit(surge *rules.Surge) float64 {
	return s.mean + surge.Sigmas*math.Sqrt(max(s.variance, s.mean, 1))
}

// nearly reports whether two numbers differ by no more than rounding.
func nearly(a, b float64) bool { return math.Abs(a-b) <= 1e-9*math.Abs(b) }
