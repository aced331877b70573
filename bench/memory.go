package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/detector"
	"github.com/holdfastd/holdfast/rules"
)

// measureMemory fills engines in processes of their own.
func (b *bench) measureMemory(ctx context.Context) (table, error) {
	variants := []struct{ what, flag string }{
		{"account, type and time", "--devices=false"},
		{"a device and a session too", "--devices"},
	}
	var rows table
	for _, v := range variants {
		var perGroup []float64
		var note string
		for run := range b.Runs {
			u, err := runProcess(ctx, b.self, "groups", "--groups", strconv.Itoa(b.Groups), v.flag)
			if err != nil {
				return rows, err
			}
			var took memory
			if err := json.Unmarshal([]byte(u.output), &took); err != nil {
				return rows, fmt.Errorf("reading what the groups took: %w", err)
			}
			n := float64(b.Groups)
			perGroup = append(perGroup, float64(took.Heap)/n)
			note = fmt.Sprintf("with what the runtime keeps beside it, %.1f bytes of anonymous memory; %d MB resident at most",
				float64(took.Anonymous)/n, u.memory>>20)
			b.logger.Info("Ran", "what", "groups", "of", v.what, "run", run+1, "bytes_per_group", perGroup[run], "cpu", u.cpu)
		}
		bytes := median(perGroup)
		rows = append(rows, row{
			what:   fmt.Sprintf("memory per group of a count rule with two entries, over %s groups; events have %s", millions(float64(b.Groups)), v.what),
			target: "≤ 64 bytes", measured: fmt.Sprintf("%.1f bytes", bytes), met: bytes <= 64, note: note,
		})
	}
	return rows, nil
}

const entriesPerGroup = 2

type groupsCommand struct {
	Groups  int  `required:"" help:"How many groups."`
	Devices bool `negatable:"" help:"The events have a device and a session."`
}

// memory is what is held once the garbage is collected, in bytes.
type memory struct {
	Heap      int64 `json:"heap"`      // in use by Go's heap
	Anonymous int64 `json:"anonymous"` // of the process, whoever asked for it, as the kernel counts it
}

// Run carries out the command.
func (c *groupsCommand) Run(ctx context.Context) error {
	set, err := rules.Compile([]rules.Source{{Name: "memory.yaml", Content: []byte(`
rules:
  - {id: burst, title: T, level: low, group_by: account, match: type == "code.requested", count: 3, timespan: 1d}
`)}}, rules.Options{})
	if err != nil {
		return err
	}
	engine, err := detector.New(detector.Options{Rules: set, MaxGroups: c.Groups})
	if err != nil {
		return err
	}
	before, err := held()
	if err != nil {
		return err
	}
	start := holdfast.Instant(time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC).UnixNano())
	var out detector.Output
	for i := range entriesPerGroup * c.Groups {
		if i%1_000_000 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		// The groups come in another order than that of their names.
		group := uint64(i%c.Groups) * 0x9e3779b97f4a7c15
		e := holdfast.Event{
			Time: start.Add(time.Duration(i) * time.Millisecond), Type: holdfast.TypeCodeRequested,
			Account: fmt.Sprintf("%016x", group),
		}
		if c.Devices {
			e.Device = holdfast.Device{ID: fmt.Sprintf("d_%014x", group>>8), Trusted: holdfast.Untrusted}
			e.Session = fmt.Sprintf("s_%014x", i)
		}
		engine.Process(detector.Input{Event: &e, Offset: int64(i)}, &out)
	}
	if n := len(out.Alerts); n > 0 {
		return fmt.Errorf("%d alerts, and there should be none", n)
	}
	after, err := held()
	if err != nil {
		return err
	}
	if s := engine.Stats(); s.Evicted > 0 || s.Events != int64(entriesPerGroup*c.Groups) {
		return fmt.Errorf("the engine has not kept every group: %+v", s)
	}
	return json.NewEncoder(os.Stdout).Encode(memory{after.Heap - before.Heap, after.Anonymous - before.Anonymous})
}

// held collects the garbage and returns what is left.
func held() (memory, error) {
	runtime.GC()
	debug.FreeOSMemory()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return memory{}, err
	}
	_, text, found := bytes.Cut(status, []byte("RssAnon:"))
	fields := bytes.Fields(text)
	if !found || len(fields) == 0 {
		return memory{}, errors.New("the kernel does not say how much anonymous memory there is")
	}
	kilobytes, err := strconv.ParseInt(string(fields[0]), 10, 64)
	return memory{int64(m.HeapInuse), kilobytes << 10}, err
}
