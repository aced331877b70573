package holdfast

import "time"

// Kind is what a response does.
type Kind string

// The kinds of response.
const (
	NotifyOwner       Kind = "notify_owner"
	NotifyTeam        Kind = "notify_team"
	HoldCodes         Kind = "hold_codes"
	TerminateSessions Kind = "terminate_sessions"
)

// Kinds lists the kinds of response a rule can name.
var Kinds = []string{string(NotifyOwner), string(NotifyTeam), string(HoldCodes), string(TerminateSessions)}

// Response is one line of a rule's respond list: what the rule's author wants
// to follow from an alert. Which fields count depends on Kind.
type Response struct {
	Kind     Kind          `json:"kind"`
	Template string        `json:"template,omitempty"` // notify_owner: the message template
	Team     string        `json:"team,omitempty"`     // notify_team: the receiver's name
	For      time.Duration `json:"for,omitempty"`      // hold_codes: how long
	Scope    string        `json:"scope,omitempty"`    // terminate_sessions: "suspects" or "all_others"
	Wipe     bool          `json:"wipe,omitempty"`     // terminate_sessions: ask the device to delete downloads
	When     When          `json:"when,omitempty"`     // terminate_sessions
}

// When says what a termination waits for.
type When string

// The moments at which sessions are ended.
const (
	Now          When = "now"
	OwnerDenies  When = "owner_denies"
	TeamApproves When = "team_approves"
)

// Channel is a way to reach an account's owner.
type Channel string

// The channels to an owner.
const (
	InApp Channel = "in_app"
	SMS   Channel = "sms"
)

// Action is one unit of work that follows from an alert: planned from its
// responses without I/O, stored in the alert's own transaction, and carried out
// later by the store's queue.
type Action struct {
	Kind     Kind    `json:"kind"`
	Channel  Channel `json:"channel,omitempty"`  // notify_owner
	Template string  `json:"template,omitempty"` // notify_owner
	Ending   bool    `json:"ending,omitempty"`   // notify_owner: a termination was planned beside it
	Team     string  `json:"team,omitempty"`     // notify_team
	Scope    string  `json:"scope,omitempty"`    // terminate_sessions
	Wipe     bool    `json:"wipe,omitempty"`     // terminate_sessions

	// Delay is how long after the alert was stored the action is due.
	Delay time.Duration `json:"delay,omitempty"`
	// UnlessSeen drops the action if by then the owner has seen a message of
	// the same alert.
	UnlessSeen bool `json:"unless_seen,omitempty"`
}

// Job is an action on its way: what the queue hands to the one who carries it
// out.
type Job struct {
	Alert   Alert
	Action  Action
	Ordinal int  // of the action among the alert's actions; (alert id, ordinal) names the job
	Attempt int  // 1 for the first try
	Final   bool // no further try follows this one

	// Ambiguous is when an earlier try began that left no outcome behind: its
	// effect may or may not have happened. Zero if there was none.
	Ambiguous time.Time
	// Stored is when the alert was stored.
	Stored time.Time
}

// State is how a job ended.
type State string

// The states in which a job ends.
const (
	Done    State = "done"    // carried out
	Skipped State = "skipped" // not wanted, or nothing to do
	Failed  State = "failed"  // given up
)

// Outcome is how carrying out a job ended.
type Outcome struct {
	State     State
	Reason    string   // machine word from a bounded set: a metric label, such as "unsubscribed"
	Reference string   // the other side's id of what was done, such as a message sid
	Then      []Action // what is to be done instead or next, stored in the outcome's transaction
}

// Message is a text to an account's owner, as the built-in inbox keeps it.
type Message struct {
	Alert   string    `json:"alert"` // alert id; with the channel it names the message
	Account string    `json:"account"`
	Channel Channel   `json:"channel"`
	Level   Level     `json:"level"`
	Locale  string    `json:"locale"` // BCP 47
	Title   string    `json:"title"`
	Body    string    `json:"body"`
	Created time.Time `json:"created"`
	Seen    time.Time `json:"seen,omitzero"`
}
