package detector_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/detector"
)

// everything is a rule set in which each kind of state occurs.
const everything = `
- {id: count, title: T, level: high, group_by: account, match: type == "x.a", count: 3, timespan: 10m, suppress: 5m, cancel: {match: type == "x.c", same: device.id}}
- {id: many, title: T, level: low, group_by: client.ip, match: type startsWith "x.", timespan: 1h, distinct: {account: 40, device.id: 3}}
- {id: steps, title: T, level: low, group_by: account, timespan: 10m, sequence: [{match: type == "x.a", count: 2}, {match: type == "x.b"}, {match: type == "x.c"}]}
- {id: held, title: T, level: low, group_by: [account, attempt], match: type == "x.b", without: {match: type == "x.c", for: 10m, same: device.id}}
- {id: score, title: T, level: low, group_by: account, score: {threshold: 50, half_life: 30m, points: [{match: type == "x.a", add: 10}]}}
- {id: surge, title: T, level: low, group_by: all, match: type == "x.a", surge: {bucket: 1m, min: 5, sigmas: 2, warmup: 3, half_life: 1h}}
- {id: after, title: T, level: critical, group_by: account, timespan: 1h, sequence: [{match: 'type == "alert" && rule in ["count", "score"]'}, {match: type == "session.started"}]}
`

// trafficOf makes the i-th event of a traffic that feeds every rule.
func trafficOf(random *rand.Rand, i int) holdfast.Event {
	who := random.IntN(30)
	return holdfast.Event{
		ID: fmt.Sprint("e", i), Time: start.Add(time.Duration(i)*time.Second - time.Duration(random.IntN(20))*time.Second),
		Type:    []string{"x.a", "x.a", "x.b", "x.c", "session.started", "sim.changed", "account.changed", "session.ended"}[random.IntN(8)],
		Account: fmt.Sprint("u", who), Attempt: fmt.Sprint(random.IntN(3)), Session: fmt.Sprint("s", who, random.IntN(3)),
		Device: holdfast.Device{ID: fmt.Sprint("device-", random.IntN(4)), Trusted: holdfast.Trust(random.IntN(3))},
		Client: holdfast.Client{IP: fmt.Sprint("203.0.113.", random.IntN(3)), Country: "DE", ASN: int64(random.IntN(4)), Lat: 50, Lon: 8},
		Phone:  fmt.Sprint("+1555010", random.IntN(3)), Attrs: []holdfast.Attr{{Name: "plan", Value: "x"}},
	}
}

// busy is an engine in the midst of things, and a snapshot of it.
func busy(t testing.TB, opts detector.Options) (*detector.Engine, []byte) {
	t.Helper()
	engine, err := detector.New(opts)
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(7, 7))
	var out detector.Output
	for i := range 3000 {
		event := trafficOf(random, i)
		engine.Process(detector.Input{Event: &event, Offset: int64(i)}, &out)
	}
	snapshot := engine.Snapshot(detector.Mark{Next: 3000, Last: 2999, Fingerprint: 5, RuleSet: opts.Rules.Hash})
	defer snapshot.Release()
	var file bytes.Buffer
	if err := snapshot.Write(&file); err != nil {
		t.Fatal(err)
	}
	return engine, file.Bytes()
}

func restore(file []byte, opts detector.Options) (*detector.Engine, error) {
	reader, err := detector.OpenSnapshot(bytes.NewReader(file))
	if err != nil {
		return nil, err
	}
	return reader.Restore(opts)
}

func TestSnapshotSaysWhatItStandsFor(t *testing.T) {
	set := compile(t, everything)
	_, file := busy(t, detector.Options{Rules: set})
	reader, err := detector.OpenSnapshot(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	if want := (detector.Mark{Next: 3000, Last: 2999, Fingerprint: 5, RuleSet: set.Hash}); reader.Mark() != want {
		t.Errorf("mark is %+v", reader.Mark())
	}
}

// TestSnapshotIsTheWholeState lets the engine and the one that its snapshot gives
// go on with the same events: all of both must agree, and so must their next
// snapshots. With few groups, that includes which of them have to go.
func TestSnapshotIsTheWholeState(t *testing.T) {
	for _, maxGroups := range []int{0, 7} {
		t.Run(fmt.Sprint("max groups ", maxGroups), func(t *testing.T) {
			set := compile(t, everything)
			opts := detector.Options{Rules: set, MaxGroups: maxGroups}
			first, file := busy(t, opts)
			second, err := restore(file, opts)
			if err != nil {
				t.Fatal(err)
			}
			var ofFirst, ofSecond detector.Output
			random := rand.New(rand.NewPCG(8, 8))
			for i := 3000; i < 6000; i++ {
				event := trafficOf(random, i)
				in := detector.Input{Event: &event, Offset: int64(i)}
				first.Process(in, &ofFirst)
				second.Process(in, &ofSecond)
			}
			first.Finish(&ofFirst)
			second.Finish(&ofSecond)
			if len(ofFirst.Alerts) < 60 || len(ofFirst.Occurrences) < 30 {
				t.Errorf("only %d alerts and %d with occurrences", len(ofFirst.Alerts), len(ofFirst.Occurrences))
			}
			if evicted := first.Stats().Evicted; (evicted > 0) != (maxGroups > 0) {
				t.Errorf("%d groups had to go", evicted)
			}
			if got, want := fmt.Sprintf("%+v", ofSecond), fmt.Sprintf("%+v", ofFirst); got != want {
				t.Error("the restored engine goes on differently")
			}
			var one, other bytes.Buffer
			for e, file := range map[*detector.Engine]*bytes.Buffer{first: &one, second: &other} {
				if err := e.Snapshot(detector.Mark{}).Write(file); err != nil {
					t.Fatal(err)
				}
			}
			if !bytes.Equal(one.Bytes(), other.Bytes()) {
				t.Error("the states differ in the end")
			}
		})
	}
}

func TestOneSnapshotAtATime(t *testing.T) {
	engine, _ := busy(t, detector.Options{Rules: compile(t, everything)})
	first := engine.Snapshot(detector.Mark{})
	if first == nil {
		t.Fatal("the one before was released, and there is none")
	}
	if engine.Snapshot(detector.Mark{}) != nil {
		t.Error("there are two at once")
	}
	first.Release()
	if engine.Snapshot(detector.Mark{}) == nil {
		t.Error("there is none although the first was released")
	}
}

func TestSnapshotOfOtherRulesIsRefused(t *testing.T) {
	_, file := busy(t, detector.Options{Rules: compile(t, everything)})
	for _, yaml := range []string{everything + "- {id: more, title: T, level: low, group_by: account, match: type == \"x.z\"}\n", three} {
		if _, err := restore(file, detector.Options{Rules: compile(t, yaml)}); !errors.Is(err, detector.ErrSnapshotRules) {
			t.Errorf("error is %v", err)
		}
	}
}

func TestSnapshotOfTheFutureIsRefused(t *testing.T) {
	set := compile(t, everything)
	_, file := busy(t, detector.Options{Rules: set})
	file[8] = 99
	if _, err := restore(file, detector.Options{Rules: set}); !errors.Is(err, detector.ErrSnapshotVersion) {
		t.Errorf("error is %v", err)
	}
}

func TestDamagedSnapshotIsRefused(t *testing.T) {
	set := compile(t, everything)
	_, file := busy(t, detector.Options{Rules: set})
	random := rand.New(rand.NewPCG(9, 9))
	for range 200 {
		damaged := bytes.Clone(file)
		at := random.IntN(len(file))
		if at >= 8 && at < 12 {
			continue // the version
		}
		damaged[at] ^= 1 << random.IntN(8)
		if _, err := restore(damaged, detector.Options{Rules: set}); !errors.Is(err, detector.ErrSnapshotDamaged) {
			t.Fatalf("bit flipped in byte %d: error is %v", at, err)
		}
		cut := random.IntN(len(file))
		if _, err := restore(file[:cut], detector.Options{Rules: set}); !errors.Is(err, detector.ErrSnapshotDamaged) {
			t.Fatalf("cut off after %d bytes: error is %v", cut, err)
		}
	}
}

// FuzzRestore changes words of a snapshot and mends the check sums. Whatever can
// be restored must be able to go on.
func FuzzRestore(f *testing.F) {
	set := compile(f, everything)
	_, file := busy(f, detector.Options{Rules: set})
	headerLen := int(binary.LittleEndian.Uint32(file[12:]))
	pages := (len(file) - 20 - headerLen - 8) / detectorPage
	random := rand.New(rand.NewPCG(10, 10))
	for range 50 {
		var change []byte
		for range 1 + random.IntN(4) {
			change = binary.LittleEndian.AppendUint32(change, random.Uint32())
			change = binary.LittleEndian.AppendUint64(change, []uint64{0, 1, random.Uint64(), 1 << random.IntN(64), uint64(random.IntN(9000))}[random.IntN(5)])
		}
		f.Add(change)
	}
	f.Fuzz(func(t *testing.T, change []byte) {
		changed := bytes.Clone(file)
		for len(change) >= 12 {
			at, word := binary.LittleEndian.Uint32(change), binary.LittleEndian.Uint64(change[4:])
			change = change[12:]
			page := changed[20+headerLen+int(at>>16)%pages*detectorPage:][:detectorPage]
			place := int(at) % 8192
			for i := range 8192 { // one that is used, if there is any
				if next := (place + i) % 8192; binary.LittleEndian.Uint64(page[next*8:]) != 0 {
					place = next
					break
				}
			}
			binary.LittleEndian.PutUint64(page[place*8:], word)
			number := binary.LittleEndian.AppendUint64(nil, uint64(int(at>>16)%pages))
			castagnoli := crc32.MakeTable(crc32.Castagnoli)
			sum := crc32.Update(crc32.Checksum(number, castagnoli), castagnoli, page[:detectorPage-4])
			binary.LittleEndian.PutUint32(page[detectorPage-4:], sum)
		}
		engine, err := restore(changed, detector.Options{Rules: set})
		if err != nil {
			if !errors.Is(err, detector.ErrSnapshotDamaged) {
				t.Fatalf("error is %v", err)
			}
			return
		}
		random := rand.New(rand.NewPCG(11, 11))
		var out detector.Output
		for i := 3000; i < 3500; i++ {
			event := trafficOf(random, i)
			engine.Process(detector.Input{Event: &event, Offset: int64(i)}, &out)
			out.Reset()
		}
		engine.Finish(&out)
	})
}

// detectorPage is a page in a snapshot: 8192 words and a check sum.
const detectorPage = 8192*8 + 4
