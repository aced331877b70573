// Package sweep shows what a rule would do with other values of its settings: the
// production engine is taken over the same events once for each combination of
// values, and what the rule's alerts come to is set side by side. It evaluates no
// rule by itself, and must never change a rule file.
package sweep

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/detector"
	"github.com/holdfastd/holdfast/internal/diag"
	"github.com/holdfastd/holdfast/rules"
	"github.com/holdfastd/holdfast/workbench"
	"github.com/holdfastd/holdfast/workbench/labels"
)

// Options say what is swept.
type Options struct {
	// Rules are the rules as they are. Those beside the swept one run too, as its
	// alerts may depend on theirs. Required.
	Rules *rules.Set
	// Rule is the id of the rule whose settings are changed. Required.
	Rule string
	// Settings are the settings that are changed, and their values. Required.
	Settings []Setting
	// Engine configures the engines; its Partition and Rules are not looked at.
	Engine detector.Options
	// Plan says what would follow from an alert. Without it no messages to owners
	// are counted. It is asked as if the rule were live.
	Plan func(holdfast.Alert) []holdfast.Action
	// Labels are the attacks that the events hold. Without any, only numbers of
	// alerts are compared.
	Labels []labels.Label
	// Scenarios are the kinds of attack that the rule is to find. Defaults to all
	// attacks on an account if the rule groups by account, and to all campaigns if
	// it does not.
	Scenarios []string
}

// InvalidError says that a value makes no valid rule.
type InvalidError struct {
	Values  string         // the combination
	Sources []rules.Source // the files with it
	Found   diag.List
}

// Error returns the combination and what is wrong with it.
func (e *InvalidError) Error() string { return e.Values + ":\n" + e.Found.Error() }

// Unwrap returns what is wrong with the combination.
func (e *InvalidError) Unwrap() error { return e.Found }

// Sweep is a rule in all combinations of the values of some settings.
type Sweep struct {
	options Options
	rule    *rules.Rule // as it is
	tries   []try
}

// try is the rules with one combination of values.
type try struct {
	values []float64 // of the settings, durations in seconds
	set    *rules.Set
	now    bool // the rules as they are
}

// New compiles the rule with each combination of values. Combinations that come to
// the same count once, and the values that the rule has now are always among them.
// An error is one of the options, or an [InvalidError].
func New(opts Options) (*Sweep, error) {
	s := &Sweep{options: opts}
	i := slices.IndexFunc(opts.Rules.Rules, func(r *rules.Rule) bool { return r.ID == opts.Rule })
	if i < 0 {
		ids := make([]string, len(opts.Rules.Rules))
		for i, r := range opts.Rules.Rules {
			ids[i] = r.ID
		}
		return nil, errors.New(strings.TrimSuffix(fmt.Sprintf("there is no rule %q; %s", opts.Rule, diag.Suggest(opts.Rule, ids)), "; "))
	}
	if s.rule = opts.Rules.Rules[i]; s.rule.Status == holdfast.Deprecated {
		return nil, fmt.Errorf("rule %s is off: its status is deprecated", s.rule.ID)
	}
	if err := s.checkScenarios(); err != nil {
		return nil, err
	}
	return s, s.compile()
}

func (s *Sweep) checkScenarios() error {
	for _, name := range s.options.Scenarios {
		if !slices.ContainsFunc(s.options.Labels, func(l labels.Label) bool { return l.Scenario == name }) {
			return fmt.Errorf("no label is of the scenario %q", name)
		}
	}
	return nil
}

// compile fills in the tries, in the ascending order of their values.
func (s *Sweep) compile() error {
	total := 1
	for i, setting := range s.options.Settings {
		if slices.ContainsFunc(s.options.Settings[:i], func(other Setting) bool { return other.Name == setting.Name }) {
			return fmt.Errorf("the setting %s is given twice", setting.Name)
		}
		if total *= len(setting.Values); total > MaxCombinations {
			return fmt.Errorf("the values make more than %d combinations: take fewer of each, such as every other one with 2..20/2", MaxCombinations)
		}
	}
	if len(s.options.Settings) == 0 {
		return errors.New("there is nothing to sweep: give values to a setting, such as --count 2..8")
	}
	source, places, err := s.locate()
	if err != nil {
		return err
	}
	for n := range total {
		texts := make([]string, len(s.options.Settings))
		for i, setting := range slices.Backward(s.options.Settings) { // the last one changes fastest
			texts[i] = setting.Values[n%len(setting.Values)]
			n /= len(setting.Values)
		}
		if err := s.try(source, places, texts); err != nil {
			return err
		}
	}
	now := s.valuesOf(s.rule)
	if i := s.index(now); i >= 0 {
		s.tries[i].now = true
	} else {
		s.tries = append(s.tries, try{values: now, set: s.options.Rules, now: true})
	}
	slices.SortFunc(s.tries, func(a, b try) int { return slices.Compare(a.values, b.values) })
	return nil
}

// locate finds the rule's file among the sources, and the settings in it.
func (s *Sweep) locate() (source int, places []place, err error) {
	source = slices.IndexFunc(s.options.Rules.Sources, func(f rules.Source) bool { return f.Name == s.rule.File })
	if source < 0 {
		return 0, nil, fmt.Errorf("the file %s of rule %s is not there", s.rule.File, s.rule.ID)
	}
	for _, setting := range s.options.Settings {
		p, err := locate(s.options.Rules.Sources[source].Content, s.rule.ID, setting.Name)
		if err != nil {
			return 0, nil, fmt.Errorf("%s: rule %s: %w", s.rule.File, s.rule.ID, err)
		}
		places = append(places, p)
	}
	return source, places, nil
}

// try compiles one combination, unless one of the same values is there.
func (s *Sweep) try(source int, places []place, texts []string) error {
	sources := slices.Clone(s.options.Rules.Sources)
	sources[source].Content = edited(sources[source].Content, places, texts)
	set, err := rules.Compile(sources, rules.Options{Lists: s.options.Rules.Lists})
	var found diag.List
	switch {
	case errors.As(err, &found):
		return &InvalidError{Values: s.title(texts), Sources: sources, Found: found}
	case err != nil:
		return err
	}
	i := slices.IndexFunc(set.Rules, func(r *rules.Rule) bool { return r.ID == s.rule.ID })
	if values := s.valuesOf(set.Rules[i]); s.index(values) < 0 {
		s.tries = append(s.tries, try{values: values, set: set})
	}
	return nil
}

func (s *Sweep) title(texts []string) string {
	all := make([]string, len(texts))
	for i, text := range texts {
		all[i] = s.options.Settings[i].Name + " " + text
	}
	return s.rule.ID + " with " + strings.Join(all, ", ")
}

func (s *Sweep) valuesOf(r *rules.Rule) []float64 {
	values := make([]float64, len(s.options.Settings))
	for i, setting := range s.options.Settings {
		values[i], _ = read(r, setting.Name)
	}
	return values
}

func (s *Sweep) index(values []float64) int {
	return slices.IndexFunc(s.tries, func(t try) bool { return slices.Equal(t.values, values) })
}

// perPass is how many engines share one reading of the events: more would read
// less often, and hold more state at once.
const perPass = 8

// Passes is how many times the events are read.
func (s *Sweep) Passes() int { return (len(s.tries) + perPass - 1) / perPass }

// ErrReadOnce says that the events come from where they can be read only once, and
// there are too many combinations for that.
var ErrReadOnce = errors.New("the standard input can be read only once")

// Run takes the rules over the events, with each combination of values.
// events.Progress is told of the bytes of all passes together. What
// events.CountAccounts says is not looked at.
func (s *Sweep) Run(ctx context.Context, events workbench.Events) (*Result, error) {
	if s.Passes() > 1 && slices.Contains(events.Files, workbench.Stdin) {
		return nil, fmt.Errorf("%w, and %d combinations take %d readings: write it to a file", ErrReadOnce, len(s.tries), s.Passes())
	}
	events.CountAccounts = true
	var before, read int64 // bytes: of earlier passes, of all
	if told := events.Progress; told != nil {
		events.Progress = func(n int64) {
			read = before + n
			told(read)
		}
	}
	counts := make([]*count, len(s.tries))
	var over workbench.Summary
	for begin := 0; begin < len(s.tries); begin += perPass {
		var contenders []workbench.Contender
		for i := begin; i < min(begin+perPass, len(s.tries)); i++ {
			counts[i] = s.newCount()
			contenders = append(contenders, workbench.Contender{Rules: s.tries[i].set, Engine: s.options.Engine, Reporter: counts[i]})
		}
		summaries, err := workbench.RunAll(ctx, events, contenders...)
		if err != nil {
			return nil, err
		}
		over, before = summaries[0], read
		events.Diagnostics = io.Discard // they have been said
	}
	return s.result(counts, over), nil
}

// count is a reporter of what the swept rule's alerts come to.
type count struct {
	rule     string
	plan     func(holdfast.Alert) []holdfast.Action
	judge    *labels.Judge // nil without labels
	alerts   int
	messages int
	accounts map[string]struct{}
}

func (s *Sweep) newCount() *count {
	c := &count{rule: s.rule.ID, plan: s.options.Plan, accounts: make(map[string]struct{})}
	if s.options.Labels != nil {
		c.judge = labels.NewJudge(s.options.Labels, labels.Options{Finds: func(*holdfast.Alert) bool { return true }})
	}
	return c
}

// NeedsIDs says that nothing is named.
func (c *count) NeedsIDs() bool { return false }

// Alert counts an alert of the swept rule.
func (c *count) Alert(a *holdfast.Alert, _ *workbench.IDs) error {
	if a.Rule != c.rule {
		return nil
	}
	c.alerts++
	c.accounts[a.Account] = struct{}{}
	if c.judge != nil {
		c.judge.Alert(a)
	}
	if c.plan != nil {
		live := *a
		live.Status = holdfast.Stable
		if labels.WritesToOwner(c.plan(live)) {
			c.messages++
		}
	}
	return nil
}

// Finish has nothing to do.
func (c *count) Finish(workbench.Summary) error { return nil }

// axis is the setting that curves are drawn over: the first that is a number and
// has more than one value, or the first that has more than one, or the first.
func (s *Sweep) axis() int {
	best, grade := 0, 0
	for i, setting := range s.options.Settings {
		varies := slices.ContainsFunc(s.tries, func(t try) bool { return t.values[i] != s.tries[0].values[i] })
		g := 0
		switch {
		case varies && !isDuration(setting.Name):
			g = 2
		case varies:
			g = 1
		}
		if cmp.Compare(g, grade) > 0 {
			best, grade = i, g
		}
	}
	return best
}
