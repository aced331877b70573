// Package labels is what is known of the attacks in recorded events: who was
// attacked, how, and when. A simulation writes labels beside its events; a
// security team writes them from its tickets. Rules never see them: a [Judge] holds
// them against what the rules found. The package evaluates no rule.
package labels

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/holdfastd/holdfast"
)

// Label is one attack: in a file, one JSON object a line.
type Label struct {
	// Scenario is the kind of attack, such as "sim-swap".
	Scenario string `json:"scenario"`
	// Accounts are the ids of the accounts that were attacked: one, or of a
	// campaign those that it reached.
	Accounts []string `json:"accounts"`
	// Campaign says that the attack was aimed at many accounts, and so is to be
	// found as a whole rather than on each of them.
	Campaign bool `json:"campaign,omitempty"`
	// From and To are the event times of the attack's first and last event.
	From holdfast.Instant `json:"from"`
	To   holdfast.Instant `json:"to"`
	// Spans say of a campaign when it reached each of the accounts, in their order.
	// Without them, it reaches each from its first event to its last.
	Spans []Span `json:"spans,omitempty"`
	// Session is when the attacker's first session began; 0 if none did.
	Session holdfast.Instant `json:"session,omitzero"`
}

// Span is the time from a first event to a last one.
type Span struct {
	From holdfast.Instant `json:"from"`
	To   holdfast.Instant `json:"to"`
}

// span is when the attack was on the account at an index of Accounts.
func (l *Label) span(index int) Span {
	if len(l.Spans) == 0 {
		return Span{l.From, l.To}
	}
	return l.Spans[index]
}

// maxLine bounds a line, in bytes: a campaign names many accounts.
const maxLine = 16 << 20

// Read reads all labels. An error names the line.
func Read(r io.Reader) ([]Label, error) {
	var all []Label
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxLine)
	number := 0
	for lines.Scan() {
		number++
		if len(lines.Bytes()) == 0 {
			continue
		}
		var l Label
		if err := json.Unmarshal(lines.Bytes(), &l); err != nil {
			return nil, fmt.Errorf("reading labels: line %d: %w", number, err)
		}
		if err := l.check(); err != nil {
			return nil, fmt.Errorf("reading labels: line %d: %w", number, err)
		}
		all = append(all, l)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("reading labels: after line %d: %w", number, err)
	}
	return all, nil
}

func (l *Label) check() error {
	switch {
	case l.Scenario == "":
		return errors.New("the label has no scenario")
	case len(l.Accounts) == 0:
		return errors.New("the label names no accounts")
	case !l.Campaign && len(l.Accounts) > 1:
		return errors.New("a label of several accounts is a campaign: write \"campaign\": true, or a label for each account")
	case slices.Contains(l.Accounts, ""):
		return errors.New("the label names an account that is empty")
	case l.To < l.From:
		return errors.New("the attack ends before it begins")
	case l.Session != 0 && l.Session < l.From:
		return errors.New("the attacker's session begins before the attack")
	case len(l.Spans) > 0 && len(l.Spans) != len(l.Accounts):
		return fmt.Errorf("the label has spans for %d of %d accounts: give one for each, in their order, or none", len(l.Spans), len(l.Accounts))
	}
	for i, s := range l.Spans {
		if s.From < l.From || s.To > l.To || s.To < s.From {
			return fmt.Errorf("span %d does not lie within the attack, from its beginning to its end", i+1)
		}
	}
	return nil
}

// Write writes one label as a line.
func Write(w io.Writer, l *Label) error {
	line, err := json.Marshal(l)
	if err != nil {
		return fmt.Errorf("writing a label: %w", err)
	}
	_, err = w.Write(append(line, '\n'))
	return err
}
