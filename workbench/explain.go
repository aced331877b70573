package workbench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/detector"
	"github.com/holdfastd/holdfast/intake"
	"github.com/holdfastd/holdfast/rules"
)

// Explain says of recorded events why an alert fired, or how far rules have got with
// an account. It runs the events through an engine of its own.
type Explain struct {
	// Engine are the engine's settings. Its Rules are those below.
	Engine detector.Options
	// Rules are the rules to run. Required.
	Rules *rules.Set
	// Files are the files of events. Required.
	Files []string
	// Stdin is read for the file name "-".
	Stdin io.Reader
	// At is the time at which things are looked at: later events are left out. 0 is
	// the end of the events.
	At holdfast.Instant
	// Plan says what follows from an alert. Defaults to saying nothing of that.
	Plan Plan
	// Diagnostics receives a line for each bad line of the input, as file:line:
	// reason. Required.
	Diagnostics io.Writer
}

// The errors that a caller tells apart.
var (
	// ErrNoAlert says that no such alert fires in the events.
	ErrNoAlert = errors.New("no such alert fires in these events")
	// ErrNoAccount says that the events have none of the account.
	ErrNoAccount = errors.New("no event is of this account")
	// ErrNoRule says that no rule of the name is evaluated.
	ErrNoRule = errors.New("no such rule is evaluated")
	// ErrReadOnce says that the events can't be read as often as is needed.
	ErrReadOnce = errors.New("an alert's events are read twice, which the standard input can't be: write them to a file")
)

// errEnough ends the reading of events when the rest does not matter.
var errEnough = errors.New("enough")

// run takes the events through the engine. After each block, seen is told what came
// out of it and the offset that the next one begins with; it may end the run by
// errEnough, and then no deadline passes at the end.
func (x *Explain) run(ctx context.Context, engine *detector.Engine, said io.Writer, seen func(out *detector.Output, next int64) error) error {
	var out detector.Output
	decoder, d := intake.NewDecoder(intake.Options{MaxBytes: maxLine}), new(decoded)
	err := eachBlock(ctx, x.Files, x.Stdin, maxLine, nil, func(filled *block) (*block, error) {
		d.block = *filled
		if err := d.decode(decoder, Window{}, nil); err != nil {
			return nil, err
		}
		for _, bad := range d.bad {
			if _, err := fmt.Fprintln(said, bad); err != nil {
				return nil, err
			}
		}
		inputs := d.inputs
		if x.At != 0 {
			inputs = slices.DeleteFunc(inputs, func(in detector.Input) bool { return in.Event.Time > x.At })
		}
		out.Reset()
		engine.ProcessAll(inputs, &out)
		if n := len(d.block.lines); n > 0 {
			return &d.block, seen(&out, d.block.lines[n-1].offset+1)
		}
		return &d.block, nil
	})
	switch {
	case errors.Is(err, errEnough):
		return nil
	case err != nil:
		return err
	}
	out.Reset()
	if x.At != 0 {
		engine.Idle(x.At.Add(-x.Engine.WithDefaults().Lateness), &out)
	} else {
		engine.Finish(&out)
	}
	if err := seen(&out, -1); !errors.Is(err, errEnough) {
		return err
	}
	return nil
}

func (x *Explain) engine() (*detector.Engine, error) {
	opts := x.Engine
	opts.Rules = x.Rules
	return detector.New(opts)
}

// rule is the rule of an id; nil if there is none.
func (x *Explain) rule(id string) *rules.Rule {
	i := slices.IndexFunc(x.Rules.Rules, func(r *rules.Rule) bool { return r.ID == id })
	if i < 0 {
		return nil
	}
	return x.Rules.Rules[i]
}

// ruleOf is the rule whose alert has an id: rule id, "-", hash.
func (x *Explain) ruleOf(alert string) *rules.Rule {
	i := strings.LastIndexByte(alert, '-')
	if i < 0 {
		return nil
	}
	return x.rule(alert[:i])
}

// below are the rules that a rule builds on, however far down, and the rule itself.
func (x *Explain) below(r *rules.Rule) []string {
	all := []string{r.ID}
	for i := 0; i < len(all); i++ {
		upper := x.rule(all[i])
		for _, other := range x.Rules.Rules {
			if slices.Contains(all, other.ID) {
				continue
			}
			for _, p := range upper.Conditions() {
				if p != nil && rules.Sees(upper, p, other.ID) {
					all = append(all, other.ID)
					break
				}
			}
		}
	}
	return all
}
