package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfastd/holdfast"
)

func appendJournal(t *testing.T, s *Store, c Claim, entries ...Entry) {
	t.Helper()
	for _, e := range entries {
		if _, err := s.AppendJournal(t.Context(), c, e); err != nil {
			t.Fatal(err)
		}
	}
}

func wantJournal(t *testing.T, s *Store, topic string, partition int32, after int64, want []Entry) {
	t.Helper()
	got, err := s.Journal(t.Context(), topic, partition, after)
	if err != nil {
		t.Fatal(err)
	}
	next := int64(1)
	if len(got) > 0 && after > -1 {
		next = got[0].Ordinal
	}
	for i := range got {
		if got[i].Ordinal != next {
			t.Errorf("in the journal after %d the ordinal %d stands where %d should", after, got[i].Ordinal, next)
		}
		next++
		got[i].Ordinal = 0
	}
	if diff := cmp.Diff(append([]Entry{}, want...), got); diff != "" {
		t.Errorf("the journal of partition %d of %s after %d (-want +got):\n%s", partition, topic, after, diff)
	}
}

// testJournal appends random entries to several partitions in turn, and reads
// them again from wherever, by several processes one after the other.
func testJournal(t *testing.T, address string) {
	random := rand.New(rand.NewPCG(3, 4))
	type partition struct {
		topic  string
		number int32
	}
	partitions := []partition{{"events", 0}, {"events", 1}, {"others", 0}}
	want := map[partition][]Entry{}
	for range 3 {
		s := open(t, address, Options{})
		for _, hash := range ruleSetHashes {
			if err := s.KeepRuleSet(t.Context(), hash, nil); err != nil {
				t.Fatal(err)
			}
		}
		claims := map[partition]Claim{}
		for _, p := range partitions {
			c, err := s.Claim(t.Context(), p.topic, p.number)
			if err != nil {
				t.Fatal(err)
			}
			claims[p] = c
		}
		for range 60 {
			p := partitions[random.IntN(len(partitions))]
			e := randomEntry(random)
			e.After = -1
			if before := want[p]; len(before) > 0 {
				e.After = before[len(before)-1].After + max(0, random.Int64N(5)-2)
				if e.equal(before[len(before)-1]) {
					continue
				}
			}
			appendJournal(t, s, claims[p], e)
			want[p] = append(want[p], e)
		}
		for _, p := range partitions {
			wantJournal(t, s, p.topic, p.number, -1, want[p])
			for after := range want[p][len(want[p])-1].After + 2 {
				before := int64(-1) // the place of the entries before after
				for _, e := range want[p] {
					if e.After < after {
						before = e.After
					}
				}
				wantJournal(t, s, p.topic, p.number, after,
					slices.DeleteFunc(slices.Clone(want[p]), func(e Entry) bool { return e.After < before }))
			}
		}
		closeStore(t, s)
	}
	wantJournal(t, open(t, address, Options{}), "events", 2, -1, nil)
}

var ruleSetHashes = []string{"sha256:00", "ü", strings.Repeat("f", 200)}

func randomEntry(random *rand.Rand) Entry {
	switch random.IntN(3) {
	case 0:
		return Entry{Kind: RuleSetActivated, RuleSet: ruleSetHashes[random.IntN(len(ruleSetHashes))]}
	case 1:
		edges := []holdfast.Instant{0, 1, -1, math.MinInt64, math.MaxInt64, holdfast.Instant(random.Int64())}
		return Entry{Kind: IdleWatermark, Watermark: edges[random.IntN(len(edges))]}
	default:
		text := make([]rune, random.IntN(20))
		for i := range text {
			text[i] = rune(random.IntN(0x3000)) // control characters, NUL and all
		}
		encoded, err := json.Marshal("a" + string(text))
		if err != nil {
			panic(err)
		}
		id := strings.Repeat("v", 1+random.IntN(9))
		verdict := verdictBy(string(encoded), id)
		verdicts := []string{verdict, " \n" + verdict + "\t", verdictBy(`"\ud800\u0000"`, id), verdictBy(`"'; DROP TABLE holdfast_journal; --"`, id)}
		return Entry{Kind: VerdictGiven, Verdict: json.RawMessage(verdicts[random.IntN(len(verdicts))])}
	}
}

// verdictBy is a verdict, by an account that is given as JSON.
func verdictBy(account, id string) string {
	return fmt.Sprintf(`{"time":"2026-11-24T08:34:00Z","account":%s,"id":%q}`, account, id)
}

func testAppendAgain(t *testing.T, address string) {
	s := open(t, address, Options{})
	c := claim(t, s, 0)
	if err := s.KeepRuleSet(t.Context(), "h", []byte("rules")); err != nil {
		t.Fatal(err)
	}
	entries := []Entry{
		{After: 4, Kind: VerdictGiven, Verdict: json.RawMessage(verdictBy(`"a"`, "1"))},
		{After: 4, Kind: VerdictGiven, Verdict: json.RawMessage(verdictBy(`"a"`, "2"))},
		{After: 4, Kind: RuleSetActivated, RuleSet: "h"},
		{After: 5, Kind: RuleSetActivated, RuleSet: "h"},
		{After: 5, Kind: IdleWatermark, Watermark: 7},
		{After: 5, Kind: IdleWatermark, Watermark: 8},
		{After: 5, Kind: IdleWatermark, Watermark: 7}, // as the one before the last
	}
	for i, e := range entries {
		for range 3 {
			ordinal, err := s.AppendJournal(t.Context(), c, e)
			if err != nil || ordinal != int64(i+1) {
				t.Errorf("entry %d has the ordinal %d: %v", i+1, ordinal, err)
			}
			c = claim(t, s, 0) // the next owner does not know either
		}
	}
	wantJournal(t, s, "events", 0, -1, entries)
}

func testJournalRefuses(t *testing.T, address string) {
	s := open(t, address, Options{})
	c := claim(t, s, 0)
	idle := func(after int64) Entry { return Entry{After: after, Kind: IdleWatermark, Watermark: 1} }
	verdict := func(text string) Entry {
		return Entry{After: 10, Kind: VerdictGiven, Verdict: json.RawMessage(text)}
	}
	appendJournal(t, s, c, idle(9))
	refused := func(e Entry, want string) {
		t.Helper()
		if _, err := s.AppendJournal(t.Context(), c, e); !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), want) {
			t.Errorf("%.100s: %v, want a refusal that says %q", fmt.Sprintf("%+v", e), err, want)
		}
	}
	refused(idle(8), "an entry after offset 8 can't follow one after offset 9")
	refused(idle(-2), "the log's start")
	refused(Entry{After: 10}, `"" is no kind`)
	refused(Entry{After: 10, Kind: "other"}, `"other" is no kind`)
	refused(Entry{After: 10, Kind: RuleSetActivated}, "hash must be")
	refused(Entry{After: 10, Kind: RuleSetActivated, RuleSet: "a\x00b"}, "hash must be")
	refused(Entry{After: 10, Kind: RuleSetActivated, RuleSet: "unknown"}, "keep it before it is activated")
	refused(Entry{After: 10, Kind: IdleWatermark, RuleSet: "unknown"}, "fields of another")
	refused(Entry{After: 10, Kind: IdleWatermark, Verdict: json.RawMessage("1")}, "fields of another")
	refused(Entry{After: 10, Kind: VerdictGiven, Verdict: json.RawMessage(verdictBy(`"a"`, "v")), Watermark: 1}, "fields of another")
	for _, text := range []string{"", "{", "1 2", "\"\xff\"", "\"\x00\"", `"` + strings.Repeat("x", 64<<10) + `"`} {
		refused(verdict(text), "must be a JSON value")
	}
	for _, text := range []string{
		`1`, `null`, `[]`, `"x"`, `{}`, `{"id":"v","account":"a"}`, `{"id":"v","time":"2026-11-24T08:34:00Z"}`, verdictBy(`"a"`, ""),
		verdictBy(`1`, "v"), `{"id":"v","account":"a","time":"noon"}`, strings.Replace(verdictBy(`"a"`, "v"), "{", `{"later":1,`, 1),
	} {
		refused(verdict(text), "a verdict must ")
	}
	longest := verdictBy(`"`+strings.Repeat("x", 64<<10-len(verdictBy(`""`, "v")))+`"`, "v")
	refused(verdict(longest+" "), "must be a JSON value")
	appendJournal(t, s, c, verdict(longest))
	if _, err := s.Write(t.Context(), Batch{Claim: c, Next: 21}); err != nil {
		t.Fatal(err)
	}
	refused(idle(19), "is written")
	appendJournal(t, s, c, idle(20))
	if n := count(t, s, "holdfast_journal"); n != 3 {
		t.Errorf("%d entries are in the journal, want the 3 that were not refused", n)
	}

	execute(t, s, "UPDATE holdfast_journal SET kind = 'newer' WHERE after_offset = 20")
	if _, err := s.Journal(t.Context(), "events", 0, -1); !errors.Is(err, ErrRefused) {
		t.Errorf("an entry of an unknown kind is read: %v", err)
	}
	refused(idle(30), `"newer" is no kind`)
}

// FuzzJournal holds that an entry is refused or comes back as it was.
func FuzzJournal(f *testing.F) {
	f.Add(int64(7), string(VerdictGiven), "", int64(0), []byte(verdictBy(`"\u0000ü"`, "v")))
	f.Add(int64(-1), string(RuleSetActivated), "kept", int64(0), []byte(nil))
	f.Add(int64(0), string(IdleWatermark), "", int64(math.MinInt64), []byte(nil))
	s, err := Open(f.Context(), Options{URL: "sqlite://" + f.TempDir() + "/holdfast.db"})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() {
		if err := s.Close(f.Context()); err != nil {
			f.Error(err)
		}
	})
	f.Fuzz(func(t *testing.T, after int64, kind, ruleSet string, watermark int64, verdict []byte) {
		e := Entry{After: after, Kind: EntryKind(kind), RuleSet: ruleSet, Watermark: holdfast.Instant(watermark), Verdict: verdict}
		if err := s.KeepRuleSet(t.Context(), ruleSet, verdict); err != nil && !errors.Is(err, ErrRefused) {
			t.Fatal(err)
		}
		c, err := s.StartOver(t.Context(), claim(t, s, 0))
		if err != nil {
			t.Fatal(err)
		}
		switch _, err := s.AppendJournal(t.Context(), c, e); {
		case errors.Is(err, ErrRefused):
			wantJournal(t, s, "events", 0, -1, nil)
		case err != nil:
			t.Fatal(err)
		default:
			if len(verdict) == 0 {
				e.Verdict = nil
			}
			wantJournal(t, s, "events", 0, -1, []Entry{e})
		}
	})
}
