package chaos

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/intake"
)

const (
	// victims are the accounts that are attacked. Few, so that each has a few
	// events a second and every kind of rule gets to fire.
	victims = 60
	// tick is the time between two events of the load.
	tick = 4 * time.Millisecond
	// probeEvery is the time between two probes of a partition, which measure how
	// long an event takes to become a stored alert.
	probeEvery = 500 * time.Millisecond
	// lull is how long a partition is silent at a time: longer than it takes to
	// be taken for idle.
	lull = 6 * idleAfter
)

// record is what the load writes to the topic. Its value may be no event.
type record struct {
	partition int32
	key       string
	value     []byte
	due       time.Duration // since the load's beginning: its broker time
}

// load makes up the events of a run: the same ones, in the same order and at the
// same times since the beginning, for the same seed. Some come late and out of
// order, some twice, and some records are no events.
type load struct {
	random     *rand.Rand
	began      time.Time
	partitions int32
	ticks      int64
	attempts   map[string]string // the last of an account
	recent     []record          // of which some are sent once more
}

func newLoad(seed uint64, began time.Time, partitions int32) *load {
	return &load{
		random: rand.New(rand.NewPCG(seed, 0)), began: began, partitions: partitions,
		attempts: map[string]string{},
	}
}

// next returns the records of the next tick.
func (l *load) next() []record {
	due := time.Duration(l.ticks) * tick
	l.ticks++
	var records []record
	if due%probeEvery == 0 {
		for p := range l.partitions {
			records = append(records, l.record(p, l.event("x.probe", "probe-"+strconv.Itoa(int(p)), due), due))
		}
	}
	switch n := l.random.IntN(1000); {
	case n < 30 && len(l.recent) > 0:
		again := l.recent[l.random.IntN(len(l.recent))]
		again.due = due
		records = append(records, again)
	case n < 36:
		records = append(records, l.noEvent(due))
	case n < 46:
		records = append(records, l.flood(due)...)
	case n < 400:
		account := "passer-" + strconv.Itoa(l.random.IntN(20_000))
		records = append(records, l.record(l.home(account), l.event("x.passes", account, due-l.delay()), due))
	default:
		records = append(records, l.attack(due))
	}
	kept := records[:0]
	for _, r := range records {
		if !l.silent(r.partition, due) {
			kept = append(kept, r)
		}
	}
	l.recent = append(l.recent, kept...)
	l.recent = l.recent[max(0, len(l.recent)-500):]
	return kept
}

// last returns the records that end the load, one a partition.
func (l *load) last() []record {
	due := time.Duration(l.ticks) * tick
	var records []record
	for p := range l.partitions {
		records = append(records, l.record(p, l.event("x.last", "last-"+strconv.Itoa(int(p)), due), due))
	}
	return records
}

// silent says whether a partition has its lull: one after the other does, with
// all of them busy in between.
func (l *load) silent(partition int32, due time.Duration) bool {
	const busy = 8 * time.Second
	round := int64(due / (busy + lull))
	return due%(busy+lull) >= busy && int32(round%int64(l.partitions)) == partition
}

// home is the partition that all events of an account go to.
func (l *load) home(account string) int32 {
	hash := uint32(2166136261) // FNV-1a
	for _, b := range []byte(account) {
		hash = (hash ^ uint32(b)) * 16777619
	}
	return int32(hash % uint32(l.partitions))
}

// delay is how long after it happened an event is sent.
func (l *load) delay() time.Duration {
	switch n := l.random.IntN(100); {
	case n < 75:
		return time.Duration(l.random.IntN(int(200 * time.Millisecond)))
	case n < 95:
		return time.Duration(l.random.IntN(int(4 * time.Second)))
	default:
		return time.Duration(l.random.IntN(int(20 * time.Second)))
	}
}

func (l *load) event(kind, account string, at time.Duration) *holdfast.Event {
	return &holdfast.Event{
		ID:   fmt.Sprintf("%d-%s", l.ticks, account),
		Time: holdfast.Instant(l.began.Add(at).UnixNano()), Type: kind, Account: account,
	}
}

func (l *load) record(partition int32, e *holdfast.Event, due time.Duration) record {
	return record{partition: partition, key: e.Account, value: intake.Append(nil, e), due: due}
}

// attack is one event of an account that is attacked, and defended, at random.
func (l *load) attack(due time.Duration) record {
	account := "victim-" + strconv.Itoa(l.random.IntN(victims))
	kinds := []struct {
		weight  int
		kind    string
		channel string
	}{
		{22, holdfast.TypeCodeRequested, "sms"},
		{6, holdfast.TypeCodeRequested, "voice"},
		{10, holdfast.TypeCodeRejected, "sms"},
		{8, holdfast.TypeCodeAccepted, "sms"},
		{16, holdfast.TypeLoginFailed, ""},
		{6, holdfast.TypeLoginSucceeded, ""},
		{6, holdfast.TypeSessionStarted, ""},
		{3, holdfast.TypeSessionEnded, ""},
		{1, holdfast.TypeSIMChanged, ""},
		{1, holdfast.TypeAccountChanged, ""},
	}
	total := 0
	for _, k := range kinds {
		total += k.weight
	}
	n, chosen := l.random.IntN(total), 0
	for n >= kinds[chosen].weight {
		n -= kinds[chosen].weight
		chosen++
	}
	e := l.event(kinds[chosen].kind, account, due-l.delay())
	e.Channel = kinds[chosen].channel
	device := l.random.IntN(6)
	e.Device.ID = account + "-device-" + strconv.Itoa(device)
	e.Device.Trusted = []holdfast.Trust{holdfast.Trusted, holdfast.TrustUnstated, holdfast.TrustUnstated, holdfast.Untrusted, holdfast.Untrusted, holdfast.Untrusted}[device]
	e.Client.Country = []string{"DE", "DE", "FR", "NG"}[l.random.IntN(4)]
	if l.random.IntN(10) > 0 {
		e.Client.IP = "203.0.113." + strconv.Itoa(l.random.IntN(12))
	}
	switch e.Type {
	case holdfast.TypeCodeRequested:
		if l.random.IntN(3) > 0 || l.attempts[account] == "" {
			l.attempts[account] = account + "-attempt-" + strconv.FormatInt(l.ticks, 10)
		}
		e.Attempt = l.attempts[account]
	case holdfast.TypeCodeAccepted, holdfast.TypeCodeRejected:
		e.Attempt = l.attempts[account]
	case holdfast.TypeSessionStarted, holdfast.TypeSessionEnded:
		e.Session = account + "-session-" + strconv.Itoa(l.random.IntN(8))
	}
	return l.record(l.home(account), e, due)
}

// flood is now and then a wave of events of one account, and otherwise one event:
// the account's everyday.
func (l *load) flood(due time.Duration) []record {
	account := "flooded-" + strconv.Itoa(l.random.IntN(8))
	n := 1
	if l.random.IntN(4) == 0 {
		n = 25
	}
	var records []record
	for i := range n {
		e := l.event("x.flood", account, due)
		e.ID += "-" + strconv.Itoa(i)
		records = append(records, l.record(l.home(account), e, due))
	}
	return records
}

// noEvent is a record that is to end in the dead-letter topic.
func (l *load) noEvent(due time.Duration) record {
	e := l.event(holdfast.TypeCodeRejected, "victim-0", due)
	at := e.Time.String()
	values := []string{
		`not json`,
		`{"type":"code.rejected","account":"victim-0"}`,
		`{"time":"` + at + `","type":"owner.denied","account":"victim-0"}`,
		`{"time":"` + at + `","type":"code.rejected","account":"victim-0","account":"victim-1"}`,
		`{"time":"` + e.Time.Add(time.Hour).String() + `","type":"code.rejected","account":"victim-0"}`,
		"\xff",
	}
	partition := l.random.Int32N(l.partitions)
	return record{partition: partition, key: "none", value: []byte(values[l.random.IntN(len(values))]), due: due}
}
