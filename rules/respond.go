package rules

import (
	"slices"

	"gopkg.in/yaml.v3"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/internal/diag"
)

// scopes are the sessions that a rule can ask to end. Only suspects are ever
// ended without somebody's word.
var scopes = []string{"suspects", "all_others"}

var whens = []string{string(holdfast.Now), string(holdfast.OwnerDenies), string(holdfast.TeamApproves)}

// respond decodes the list of what follows from an alert: items of one key each.
func (d *decoder) respond(m *mapping) []holdfast.Response {
	var all []holdfast.Response
	for _, n := range m.items("respond") {
		item := d.mapping(n, "a response", holdfast.Kinds...)
		switch {
		case item == nil:
			continue
		case len(item.keys) != 1:
			if len(item.node.Content) != 2 { // an unknown key has been reported
				d.failHint(item.node, "start each with a hyphen", "a response names one thing to do")
			}
			continue
		}
		for key := range item.keys {
			all = append(all, d.response(item, holdfast.Kind(key)))
		}
	}
	return all
}

func (d *decoder) response(item *mapping, kind holdfast.Kind) holdfast.Response {
	r := holdfast.Response{Kind: kind}
	n := item.value(string(kind))
	switch kind {
	case holdfast.NotifyOwner:
		r.Template = item.text(string(kind))
		if r.Template != "" && d.opts.Templates != nil && !slices.Contains(d.opts.Templates, r.Template) {
			d.failHint(n, diag.Suggest(r.Template, d.opts.Templates), "unknown message template `%s`", r.Template)
		}
	case holdfast.NotifyTeam:
		r.Team = item.text(string(kind))
	case holdfast.HoldCodes:
		if m := d.mapping(n, "`hold_codes`", "for"); m != nil {
			if m.lacks("for") {
				d.failHint(m.node, "write hold_codes: {for: 30m}", "`hold_codes` does not say for how long")
			}
			r.For = m.duration("for", false)
		}
	case holdfast.TerminateSessions:
		d.terminate(n, &r)
	}
	return r
}

func (d *decoder) terminate(n *yaml.Node, r *holdfast.Response) {
	m := d.mapping(n, "`terminate_sessions`", "scope", "wipe", "when")
	if m == nil {
		return
	}
	r.Scope, r.Wipe, r.When = "suspects", m.boolean("wipe"), holdfast.OwnerDenies
	if m.has("scope") {
		r.Scope = m.oneOf("scope", scopes)
	}
	if m.has("when") {
		r.When = holdfast.When(m.oneOf("when", whens))
	}
	if r.Scope == "all_others" && r.When == holdfast.Now {
		d.failHint(m.value("scope"), "use scope: suspects, or when: owner_denies", "ending more than the suspect sessions takes the owner's or the team's word")
	}
}
