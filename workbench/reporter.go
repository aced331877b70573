package workbench

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/holdfastd/holdfast"
)

// JSONReporter writes one JSON object a line for each alert, in firing order.
type JSONReporter struct {
	W io.Writer
	// Partitions says that events are named with their partition, as those of a
	// log are.
	Partitions bool
}

// jsonAlert is the form of an alert on the command line.
type jsonAlert struct {
	ID       string           `json:"id"`
	Rule     string           `json:"rule"`
	Level    holdfast.Level   `json:"level"`
	Status   holdfast.Status  `json:"status"`
	Time     holdfast.Instant `json:"time"`
	Account  string           `json:"account"`
	Group    holdfast.Group   `json:"group"`
	Trigger  jsonEvidence     `json:"trigger"`
	Evidence []jsonEvidence   `json:"evidence"`
	Count    int              `json:"count"`
	First    holdfast.Instant `json:"first"`
	Last     holdfast.Instant `json:"last"`
}

// jsonEvidence is an event, by its offset and id, or an alert.
type jsonEvidence struct {
	Partition *int32 `json:"partition,omitempty"`
	Offset    *int64 `json:"offset,omitempty"`
	ID        string `json:"id,omitempty"`
	Alert     string `json:"alert,omitempty"`
}

// NeedsIDs says that events are named by their ids.
func (r JSONReporter) NeedsIDs() bool { return true }

// Alert writes the alert.
func (r JSONReporter) Alert(a *holdfast.Alert, ids *IDs) error {
	event := func(p holdfast.Position) jsonEvidence {
		e := jsonEvidence{Offset: &p.Offset, ID: ids.At(p.Offset)}
		if r.Partitions {
			e.Partition = &p.Partition
		}
		return e
	}
	out := jsonAlert{
		ID: a.ID, Rule: a.Rule, Level: a.Level, Status: a.Status, Time: a.Time, Account: a.Account,
		Group: a.Group, Trigger: event(a.Trigger), Count: a.Count, First: a.First, Last: a.Last,
		Evidence: make([]jsonEvidence, len(a.Evidence)),
	}
	for i, e := range a.Evidence {
		if e.Alert != "" {
			out.Evidence[i] = jsonEvidence{Alert: e.Alert}
		} else {
			out.Evidence[i] = event(e.Position)
		}
	}
	b, err := json.Marshal(out)
	if err != nil {
		return fmt.Errorf("writing alert: %w", err)
	}
	_, err = r.W.Write(append(b, '\n'))
	return err
}

// Finish writes nothing.
func (r JSONReporter) Finish(Summary) error { return nil }
