package detector_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/detector"
)

// TestBatchesDoWhatSingleEventsDo takes the same events through two engines: one
// at a time, and in batches of any size. Groups have to go all the while, so that
// what the engine found looking ahead is often gone when its turn comes.
func TestBatchesDoWhatSingleEventsDo(t *testing.T) {
	const events = 20_000
	opts := detector.Options{Rules: compile(t, everything), MaxGroups: 9, MaxLateness: time.Minute}
	_, file := busy(t, opts) // for its hash key: both engines must have the same
	single, err := restore(file, opts)
	if err != nil {
		t.Fatal(err)
	}
	batched, err := restore(file, opts)
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(12, 12))
	inputs := make([]detector.Input, events)
	for i := range inputs {
		event := trafficOf(random, 3000+i)
		if random.IntN(10) == 0 {
			event.Account = fmt.Sprint("once-", i) // its record is soon free for another
		}
		inputs[i] = detector.Input{Event: &event, Offset: int64(3000 + i)}
		if random.IntN(20) == 0 && i > 0 {
			inputs[i].Event = inputs[i-1].Event
		}
	}
	var ofSingle, ofBatched detector.Output
	for _, in := range inputs {
		single.Process(in, &ofSingle)
	}
	for len(inputs) > 0 {
		n := min(1+random.IntN(200), len(inputs))
		batched.ProcessAll(inputs[:n], &ofBatched)
		inputs = inputs[n:]
	}
	if len(ofSingle.Alerts) < 300 || single.Stats().Evicted < 1000 || single.Stats().Duplicates < 500 {
		t.Errorf("only %d alerts, %+v", len(ofSingle.Alerts), single.Stats())
	}
	if single.Stats() != batched.Stats() || fmt.Sprintf("%+v", ofSingle) != fmt.Sprintf("%+v", ofBatched) {
		t.Error("batches come out differently")
	}
	if !bytes.Equal(stateOf(t, single), stateOf(t, batched)) {
		t.Error("the states differ in the end")
	}
}

func stateOf(t *testing.T, e *detector.Engine) []byte {
	t.Helper()
	var file bytes.Buffer
	snapshot := e.Snapshot(detector.Mark{})
	defer snapshot.Release()
	if err := snapshot.Write(&file); err != nil {
		t.Fatal(err)
	}
	return file.Bytes()
}

func TestIdlePartitionsPassTheirDeadlines(t *testing.T) {
	r := newRun(t, `
- {id: unanswered, title: T, level: low, group_by: account, match: type == "x.a", without: {match: type == "x.b", for: 10m}}
- {id: after, title: T, level: low, group_by: account, match: 'type == "alert" && rule == "unanswered"'}
`)
	if _, held := r.engine.NextDeadline(); held {
		t.Error("nothing is held yet")
	}
	r.at(0, event("x.a")).at(time.Minute, holdfast.Event{Type: "x.a", Account: "bob"}).at(2*time.Minute, holdfast.Event{Type: "x.b", Account: "bob"})
	deadline := start.Add(10 * time.Minute)
	if at, held := r.engine.NextDeadline(); !held || at != deadline {
		t.Errorf("the next deadline is %v %v, want %v", at, held, deadline)
	}
	r.engine.Idle(deadline, &r.out)
	r.want() // what is due at the watermark is not before it
	r.engine.Idle(deadline.Add(1), &r.out)
	r.want("unanswered@0[0]", "after@0[unanswered]")
	if at := r.out.Alerts[0].Time; at != deadline {
		t.Errorf("the alert's time is %v, want the deadline", at)
	}
	if at, held := r.engine.NextDeadline(); held {
		t.Errorf("an alert that was answered is still held until %v", at)
	}
	if watermark, _ := r.engine.Watermark(); watermark != deadline.Add(1) {
		t.Errorf("the watermark is %v", watermark)
	}
}

func TestTheOwnersWordAboutADevice(t *testing.T) {
	const m = time.Minute
	verdict := func(kind string) holdfast.Event {
		return holdfast.Event{Type: kind, Device: holdfast.Device{ID: "tablet"}}
	}
	wrong := on("evil", "code.rejected")
	t.Run("a confirmed device is protected at once", func(t *testing.T) {
		newRun(t, attack).at(0, login("s", "tablet", holdfast.Untrusted)).at(m, verdict(holdfast.TypeOwnerConfirmed)).
			at(2*m, wrong).at(3*m, wrong).wantSplit("suspect ; protected s")
	})
	t.Run("a denied device is not, however long it was known", func(t *testing.T) {
		newRun(t, attack).at(0, login("s", "tablet", holdfast.TrustUnstated)).at(48*time.Hour, verdict(holdfast.TypeOwnerDenied)).
			at(48*time.Hour+m, wrong).at(48*time.Hour+2*m, wrong).wantSplit("suspect ; protected ")
	})
}
