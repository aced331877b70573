package detector

import (
	"strings"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/rules"
	"github.com/holdfastd/holdfast/rules/expression"
)

// plan is what is to be done with the events of a type: the rules that they
// concern, in order, with what is left of the rules' conditions once the type is
// known. Most events meet few of the rules, and few questions of those.
type plan struct {
	rules []rulePlan
}

// rulePlan is a rule as the events of a type meet it.
type rulePlan struct {
	*ruleState
	match      condition
	cancel     condition
	until      condition
	without    condition
	steps      []condition
	points     []condition // the lines of a score
	exceptions []exception
	overrides  []override
}

// condition is what is left of a condition. The zero condition never holds.
type condition struct {
	expression.Condition
	whole  *expression.Program // in place of what is left, where the type is not known
	alerts map[string]bool     // of a condition on alerts: the rules whose it is shown
}

// exception is a condition that excludes events before its end.
type exception struct {
	condition
	until holdfast.Instant
	ends  bool
}

// override sets other values for the events that match.
type override struct {
	condition
	settings settings
}

// maxTypes bounds the types of event that have a plan of their own: those that
// there are, and as many of the user's own. If more come, somebody makes them up;
// they share the general plan.
const maxTypes = 96

// planFor returns the plan for the events of a type.
func (e *Engine) planFor(eventType string) *plan {
	if p, ok := e.plans[eventType]; ok {
		return p
	}
	if len(e.plans) == maxTypes {
		return e.general
	}
	eventType = strings.Clone(eventType)
	p := e.plan(func(program *expression.Program) condition {
		if eventType == holdfast.TypeAlert && !program.SeesAlerts {
			return condition{}
		}
		return condition{Condition: e.sharing.For(program, eventType)}
	}, eventType == holdfast.TypeAlert)
	e.plans[eventType] = p
	return p
}

// makePlans forgets the plans for other rules, and makes those that don't wait
// for an event.
func (e *Engine) makePlans() {
	var programs []*expression.Program
	for _, r := range e.rules {
		programs = append(programs, r.rule.Conditions()...)
	}
	e.sharing = expression.Share(programs)
	e.plans = make(map[string]*plan)
	for _, eventType := range holdfast.EventTypes {
		e.planFor(eventType)
	}
	e.general = e.plan(func(program *expression.Program) condition { return condition{whole: program} }, false)
}

// plan makes a plan, of conditions made of the rules' programs.
func (e *Engine) plan(left func(*expression.Program) condition, alerts bool) *plan {
	p := new(plan)
	for _, r := range e.rules {
		part := rulePlan{ruleState: r}
		concerned := false
		compile := func(program *expression.Program, decides bool) condition {
			if program == nil {
				return condition{}
			}
			c := left(program)
			if alerts && !c.Never() {
				c.alerts = make(map[string]bool)
				for id, heard := range r.hears {
					c.alerts[id] = heard && rules.Sees(r.rule, program, id)
				}
			}
			concerned = concerned || decides && c.possible()
			return c
		}
		part.match, part.until = compile(r.rule.Match, true), compile(r.rule.Until, true)
		if r.rule.Cancel != nil {
			part.cancel = compile(r.rule.Cancel.Match, true)
		}
		if r.rule.Without != nil {
			part.without = compile(r.rule.Without.Match, true)
		}
		for _, step := range r.rule.Sequence {
			part.steps = append(part.steps, compile(step.Match, true))
		}
		if r.rule.Score != nil {
			for _, line := range r.rule.Score.Points {
				part.points = append(part.points, compile(line.Match, true))
			}
		}
		for _, x := range r.rule.Exceptions {
			part.exceptions = append(part.exceptions, exception{compile(x.Match, false), x.Until, x.Ends})
		}
		for _, o := range r.rule.Overrides {
			part.overrides = append(part.overrides, override{compile(o.Match, false), r.settings.with(o)})
		}
		if concerned {
			p.rules = append(p.rules, part)
		}
	}
	return p
}

// holds reports whether the condition is met. An alert is shown only to a
// condition that asks for it.
func (c *condition) holds(s *scope) bool {
	if c.whole != nil {
		return c.whole.Match(&s.Scope)
	}
	return c.Match(&s.Scope) && (c.alerts == nil || c.alerts[s.Event.Rule])
}

// possible reports whether the condition can hold at all.
func (c *condition) possible() bool { return c.whole != nil || !c.Never() }

// excepted reports whether an exception excludes the event.
func (r *rulePlan) excepted(s *scope) bool {
	for i := range r.exceptions {
		x := &r.exceptions[i]
		if (!x.ends || s.Event.Time < x.until) && x.holds(s) {
			return true
		}
	}
	return false
}

// settingsFor returns the values in force for an event: those of the first
// override that matches, or the rule's own.
func (r *rulePlan) settingsFor(s *scope) *settings {
	for i := range r.overrides {
		if o := &r.overrides[i]; o.holds(s) {
			return &o.settings
		}
	}
	return &r.settings
}
