package chaos

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/detector"
	"github.com/holdfastd/holdfast/pipeline"
	"github.com/holdfastd/holdfast/rules"
	"github.com/holdfastd/holdfast/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	partitions = 4
	lateness   = 2 * time.Second
	// maxLateness and trustAfter are short, so that groups are forgotten and
	// devices become known within a run.
	maxLateness = 30 * time.Second
	trustAfter  = 20 * time.Second
	// idleAfter is short, so that the clock moves quiet partitions often.
	idleAfter = 2 * time.Second
	// maxGroups is the least there can be, so that groups are given up.
	maxGroups = 1000
)

// engineOptions are those of the daemons, whose configuration says the same.
func engineOptions() detector.Options {
	return detector.Options{
		Lateness: lateness, MaxLateness: maxLateness, TrustAfter: trustAfter, MaxGroups: maxGroups,
	}
}

// ruleFiles are the rule sets between which a run changes; it begins with the
// first.
var ruleFiles = []string{"rules-a.yaml", "rules-b.yaml"}

func newJudge(t *testing.T) judge {
	t.Helper()
	j := judge{engine: engineOptions(), sets: map[string]*rules.Set{}}
	for _, file := range ruleFiles {
		set := compile(t, file)
		j.sets[hashOf(t, file)] = set
		if j.initial == nil {
			j.initial = set
		}
	}
	return j
}

func compile(t *testing.T, file string) *rules.Set {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("testdata", file))
	if err != nil {
		t.Fatal(err)
	}
	set, err := rules.Compile([]rules.Source{{Name: file, Content: content}}, rules.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// hashOf is by what the daemons journal a rule set.
func hashOf(t *testing.T, file string) string {
	t.Helper()
	set, err := pipeline.NewRuleSet(compile(t, file), engineOptions())
	if err != nil {
		t.Fatal(err)
	}
	return set.Hash
}

// undisturbed is what would be left of a run without a fault, with one change of
// the rules in the middle.
func undisturbed(t *testing.T, length time.Duration) (evidence, outcome) {
	t.Helper()
	began := time.Date(2026, 11, 24, 8, 0, 0, 0, time.UTC)
	e := evidence{log: map[int32][]logged{}, journal: map[int32][]store.Entry{}}
	add := func(r record) {
		at := began.Add(r.due).Truncate(time.Millisecond)
		e.log[r.partition] = append(e.log[r.partition], logged{int64(len(e.log[r.partition])), at, r.value})
	}
	l := newLoad(1, began, partitions)
	for range length / tick {
		for _, r := range l.next() {
			add(r)
		}
	}
	for _, r := range l.last() {
		add(r)
	}
	for p := range int32(partitions) {
		middle := int64(len(e.log[p]) / 2)
		e.journal[p] = []store.Entry{
			{After: -1, Kind: store.RuleSetActivated, RuleSet: hashOf(t, ruleFiles[0])},
			{After: middle, Kind: store.RuleSetActivated, RuleSet: hashOf(t, ruleFiles[1])},
		}
	}
	o, err := newJudge(t).replay(e)
	if err != nil {
		t.Fatal(err)
	}
	for id, a := range o.alerts {
		e.alerts = append(e.alerts, store.StoredAlert{Alert: a, Occurrences: o.occurrences[id]})
	}
	slices.SortFunc(e.alerts, func(a, b store.StoredAlert) int { return strings.Compare(a.ID, b.ID) })
	e.deadLetters = o.deadLetters
	return e, o
}

// TestTheLoadFiresEveryRule keeps a run from proving nothing.
func TestTheLoadFiresEveryRule(t *testing.T) {
	e, o := undisturbed(t, 80*time.Second)
	fired, fed := map[string]int{}, map[string]int64{}
	for _, a := range e.alerts {
		fired[a.Rule]++
		fed[a.Rule] += a.Occurrences.Count
	}
	for _, file := range ruleFiles {
		for _, r := range compile(t, file).Rules {
			if fired[r.ID] < 2 {
				t.Errorf("rule %s of %s fires %d times", r.ID, file, fired[r.ID])
			}
			if r.Suppress > 0 && r.ID != "unanswered" && r.ID != "passers-by" && fed[r.ID] == 0 {
				t.Errorf("no alert of rule %s of %s has occurrences", r.ID, file)
			}
		}
	}
	if o.evicted < 100 {
		t.Errorf("%d groups are given up: there are too few", o.evicted)
	}
	if len(o.deadLetters) < 10 {
		t.Errorf("the load has %d records that are no events", len(o.deadLetters))
	}
	t.Logf("alerts: %v, occurrences: %v", fired, fed)
}

func TestTheLoadFollowsItsSeed(t *testing.T) {
	write := func(seed uint64) string {
		var all strings.Builder
		l := newLoad(seed, time.Unix(0, 0), partitions)
		for range 5000 {
			for _, r := range l.next() {
				all.WriteString(r.key + string(r.value) + r.due.String())
			}
		}
		return all.String()
	}
	first, again, other := write(1), write(1), write(2)
	if first != again {
		t.Error("one seed gives two loads")
	}
	if first == other {
		t.Error("two seeds give one load")
	}
}

// TestTwoReplaysAgree has groups given up by two engines that hash by keys of their
// own: which ones go must not depend on that.
func TestTwoReplaysAgree(t *testing.T) {
	e, _ := undisturbed(t, 80*time.Second)
	o, err := newJudge(t).replay(e)
	if err != nil {
		t.Fatal(err)
	}
	if f := o.compare(e); !f.none() {
		t.Errorf("a second replay finds:\n%v", f)
	}
}

// TestTheJudgeFindsWhatIsWrong spoils what is left of an undisturbed run, once in
// each way.
func TestTheJudgeFindsWhatIsWrong(t *testing.T) {
	e, o := undisturbed(t, 20*time.Second)
	if f := o.compare(e); !f.none() {
		t.Fatalf("an undisturbed run is found to differ:\n%v", f)
	}
	const some = 7
	fed := slices.IndexFunc(e.alerts, func(a store.StoredAlert) bool { return a.Occurrences.Count > 0 })
	founded := slices.IndexFunc(e.alerts, func(a store.StoredAlert) bool { return len(a.Evidence) > 1 })
	ending := slices.IndexFunc(e.alerts, func(a store.StoredAlert) bool { return len(a.Sessions.Suspect) > 0 })
	for title, c := range map[string]struct {
		spoil                                      func(*evidence)
		missing, extra, different, deadLetterLines int
	}{
		"an alert is missing":         {spoil: func(e *evidence) { e.alerts = slices.Delete(e.alerts, some, some+1) }, missing: 1},
		"an alert is there as two":    {spoil: func(e *evidence) { a := e.alerts[some]; a.ID += "-again"; e.alerts = append(e.alerts, a) }, extra: 1},
		"another time":                {spoil: func(e *evidence) { e.alerts[some].Time++ }, different: 1},
		"another rule":                {spoil: func(e *evidence) { e.alerts[some].Rule = "other" }, different: 1},
		"another count":               {spoil: func(e *evidence) { e.alerts[some].Count++ }, different: 1},
		"another group":               {spoil: func(e *evidence) { e.alerts[some].Group = holdfast.Group{{Field: "account", Value: "x"}} }, different: 1},
		"less evidence":               {spoil: func(e *evidence) { e.alerts[founded].Evidence = e.alerts[founded].Evidence[1:] }, different: 1},
		"a suspect session less":      {spoil: func(e *evidence) { e.alerts[ending].Sessions.Suspect = nil }, different: 1},
		"an occurrence more":          {spoil: func(e *evidence) { e.alerts[fed].Occurrences.Count++ }, different: 1},
		"the last occurrence earlier": {spoil: func(e *evidence) { e.alerts[fed].Occurrences.Last.Offset-- }, different: 1},
		"no occurrences":              {spoil: func(e *evidence) { e.alerts[fed].Occurrences = holdfast.Occurrences{} }, different: 1},
		"a dead letter is missing": {spoil: func(e *evidence) {
			for at := range e.deadLetters {
				delete(e.deadLetters, at)
				return
			}
		}, deadLetterLines: 1},
		"an event is a dead letter": {spoil: func(e *evidence) { e.deadLetters[place{0, 1 << 40}] = true }, deadLetterLines: 1},
	} {
		t.Run(title, func(t *testing.T) {
			spoiled := e
			spoiled.alerts = slices.Clone(e.alerts)
			spoiled.deadLetters = map[place]bool{}
			for at := range e.deadLetters {
				spoiled.deadLetters[at] = true
			}
			c.spoil(&spoiled)
			f := o.compare(spoiled)
			if len(f.missing) != c.missing || len(f.extra) != c.extra ||
				len(f.different) != c.different || len(f.deadLetters) != c.deadLetterLines {
				t.Errorf("found:\n%v", f)
			}
		})
	}
}

// TestTheJudgeMissesAChangeOfRulesThatIsNotInTheJournal is why there is a journal.
func TestTheJudgeMissesAChangeOfRulesThatIsNotInTheJournal(t *testing.T) {
	e, _ := undisturbed(t, 20*time.Second)
	for p, entries := range e.journal {
		e.journal[p] = entries[:1]
	}
	o, err := newJudge(t).replay(e)
	if err != nil {
		t.Fatal(err)
	}
	if f := o.compare(e); len(f.missing) == 0 || len(f.extra) == 0 {
		t.Errorf("a replay without the journal finds:\n%v", f)
	}
}

func TestTheJudgeRefusesWhatItCantReplay(t *testing.T) {
	for title, entry := range map[string]store.Entry{
		"a rule set of another run": {After: 3, Kind: store.RuleSetActivated, RuleSet: "0123"},
		"an entry it doesn't know":  {After: 3, Kind: "flag_raised"},
	} {
		t.Run(title, func(t *testing.T) {
			e, _ := undisturbed(t, time.Second)
			e.journal[2] = append(e.journal[2][:1:1], entry)
			if _, err := newJudge(t).replay(e); err == nil {
				t.Error("the entry is passed over")
			}
		})
	}
}
