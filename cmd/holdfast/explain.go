package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/store"
	"github.com/holdfastd/holdfast/workbench"
)

type explainCommand struct {
	Config  string    `short:"c" help:"A configuration file, for its rules, named lists, engine settings and store." placeholder:"FILE"`
	Rules   []string  `help:"Rule files or folders. Without any: those of the configuration, or the default pack." placeholder:"PATH"`
	Account string    `help:"Show how far the rules got with this account, in place of an alert." placeholder:"ID"`
	Rule    string    `help:"With --account: this rule alone, event by event." placeholder:"ID"`
	At      eventTime `help:"Look at things as of this time: later events are left out. Without it: the end of the events." placeholder:"TIME"`
	Format  string    `help:"text, or json." enum:"text,json" default:"text"`

	Args []string `arg:"" optional:"" name:"alert-id|events" help:"An alert's id, then files of events, one JSON object a line, gzip and zstd too. They are read twice, so that - for the standard input does only with --account, which takes files alone."`
}

func (*explainCommand) Help() string {
	return `Says why an alert fired: the events that it rests on, in order, with the conditions that held for each, the
settings in force, and what followed. Or, of an account, how far each rule got and what is missing, and the nearest miss
where nothing fired. The events are those that the alert came from, given in the same order: its id is a function of them. Those of an alert
are read twice, and can't come from the standard input; those of an account can.

Without events, an alert is looked up in the configuration's store, which knows what became of it, but not the events.
The store is opened as the daemon opens it.

Example:

  holdfast explain code-burst-c920b9263add65fee64b9de5 yesterday.ndjson.zst
  holdfast explain --account u_1842 --rule code-burst yesterday.ndjson.zst
  tail -n 100000 events.ndjson | holdfast explain --account u_1842 -
  holdfast explain -c holdfast.yaml code-burst-c920b9263add65fee64b9de5`
}

// story is what there is to say.
type story interface{ WriteText(w io.Writer) error }

// Run carries out the command.
func (c *explainCommand) Run(ctx context.Context, std streams) error {
	alert, files, err := c.subject()
	if err != nil {
		return err
	}
	var told story
	if len(files) == 0 {
		told, err = c.stored(ctx, alert, std.err)
	} else {
		told, err = c.replayed(ctx, alert, files, std)
	}
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, workbench.ErrReadOnce), errors.Is(err, workbench.ErrNoRule):
		return usageError(err)
	case err != nil:
		return err
	case c.Format == "text":
		return told.WriteText(std.out)
	}
	out := json.NewEncoder(std.out)
	out.SetEscapeHTML(false) // conditions have && and <
	out.SetIndent("", "  ")
	return out.Encode(told)
}

// subject tells the alert's id from the files.
func (c *explainCommand) subject() (alert string, files []string, err error) {
	files = c.Args
	if c.Account == "" && len(files) > 0 {
		alert, files = files[0], files[1:]
	}
	switch {
	case c.Account == "" && alert == "":
		return "", nil, usageError(errors.New("name an alert by its id, or an account with --account"))
	case c.Account == "" && c.Rule != "":
		return "", nil, usageError(errors.New("--rule goes with --account: an alert's id says its rule"))
	case c.Account != "" && len(files) == 0:
		return "", nil, usageError(errors.New("no events are given: how far rules got with an account is not stored"))
	case len(files) == 0 && c.Config == "":
		return "", nil, usageError(errors.New("no events are given: name the files that the alert came from, or with -c a configuration whose store has it"))
	}
	return alert, files, nil
}

// replayed runs the events once more.
func (c *explainCommand) replayed(ctx context.Context, alert string, files []string, std streams) (story, error) {
	cfg, set, engine, err := loadForReplay(c.Config, c.Rules, std.err)
	if err != nil {
		return nil, err
	}
	x := workbench.Explain{
		Engine: engine, Rules: set, Files: files, Stdin: std.in, At: holdfast.Instant(c.At), Plan: planOf(cfg), Diagnostics: std.err,
	}
	if c.Account != "" {
		return x.Account(ctx, c.Account, c.Rule)
	}
	return x.Alert(ctx, alert)
}

// storedStory is what the store knows of an alert.
type storedStory struct {
	ID          string              `json:"id"`
	Rule        string              `json:"rule"`
	Title       string              `json:"title"`
	Level       holdfast.Level      `json:"level"`
	Status      holdfast.Status     `json:"status"`
	Time        holdfast.Instant    `json:"time"`
	Account     string              `json:"account"`
	Evidence    []holdfast.Evidence `json:"evidence"`
	Occurrences int64               `json:"occurrences"`
	Actions     []storedAction      `json:"actions"`
}

type storedAction struct {
	Kind     holdfast.Kind    `json:"kind"`
	Channel  holdfast.Channel `json:"channel,omitempty"`
	State    holdfast.State   `json:"state"`
	Reason   string           `json:"reason,omitempty"`
	Finished time.Time        `json:"finished,omitzero"`
}

// stored looks an alert up in the configuration's store.
func (c *explainCommand) stored(ctx context.Context, id string, w io.Writer) (_ story, err error) {
	cfg, _, err := loadAll(c.Config, c.Rules, w)
	if err != nil {
		return nil, err
	}
	if file, ok := strings.CutPrefix(cfg.Store.URL.Reveal(), "sqlite:"); ok {
		if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) { // to open it would make it
			return nil, usageError(fmt.Errorf("there is no store at %s yet", strings.TrimPrefix(file, "//")))
		}
	}
	kept, err := store.Open(ctx, store.Options{URL: cfg.Store.URL.Reveal()})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, kept.Close(context.WithoutCancel(ctx))) }()
	a, err := kept.Alert(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return nil, fmt.Errorf("the store has no alert %q", id)
	} else if err != nil {
		return nil, err
	}
	told := &storedStory{
		ID: a.ID, Rule: a.Rule, Title: a.Title, Level: a.Level, Status: a.Status, Time: a.Time, Account: a.Account,
		Evidence: a.Evidence, Occurrences: a.Occurrences.Count, Actions: make([]storedAction, len(a.Actions)),
	}
	for i, action := range a.Actions {
		told.Actions[i] = storedAction{action.Kind, action.Channel, action.State, action.Reason, action.Finished}
	}
	return told, nil
}

// WriteText writes the story for people.
func (s *storedStory) WriteText(w io.Writer) error {
	var text bytes.Buffer
	say(&text, "%s\n%s (%s)\naccount %q, %s\n\nIt rests on\n", s.ID, s.Title, s.Level, s.Account, s.Time)
	for _, e := range s.Evidence {
		say(&text, "  partition %d, offset %d, %s", e.Partition, e.Offset, e.Time)
		if e.Alert != "" {
			say(&text, ": alert %s", e.Alert)
		}
		say(&text, "\n")
	}
	say(&text, "\n%d more fell into it.\n", s.Occurrences)
	if len(s.Actions) > 0 {
		say(&text, "\nWhat followed\n")
	}
	for _, a := range s.Actions {
		say(&text, "  %s", a.Kind)
		if a.Channel != "" {
			say(&text, " by %s", a.Channel)
		}
		say(&text, ": %s", a.State)
		if a.Reason != "" {
			say(&text, " (%s)", a.Reason)
		}
		say(&text, "\n")
	}
	say(&text, "\nThe conditions that held are shown with the events: name the files that they are in.\n")
	_, err := text.WriteTo(w)
	return err
}
