package labels

import (
	"github.com/holdfastd/holdfast"
)

// Report is what a run's alerts came to, held against the labels. [Judge] says
// what each word means.
type Report struct {
	// Scenarios are the kinds of attack: those on an account by name, then the
	// campaigns.
	Scenarios []Scenario `json:"scenarios"`
	// Attacks are all attacks on an account, Campaigns all campaigns. They have no
	// name and name no examples.
	Attacks   Scenario `json:"attacks"`
	Campaigns Scenario `json:"campaigns"`
	// Rules are the rules that had alerts, the gravest first.
	Rules []Rule `json:"rules"`
	// Owners are the messages to owners.
	Owners Owners `json:"owners"`
	// Grace is how long after its last event an attack still counted, in seconds.
	Grace float64 `json:"grace_seconds"`
}

// Scenario is what became of the attacks of one kind.
type Scenario struct {
	Scenario string `json:"scenario,omitempty"`
	Campaign bool   `json:"campaign"`
	Attacks  int    `json:"attacks"`
	Found    int    `json:"found"`
	InTime   int    `json:"in_time"`      // before or at the attacker's session
	Told     int    `json:"told_in_time"` // so by an alert that writes to the owner or is of level high or above
	// The shares are of Attacks; 0 where there are none.
	FoundShare  float64 `json:"found_share"`
	InTimeShare float64 `json:"in_time_share"`
	ToldShare   float64 `json:"told_in_time_share"`
	// Median is the median time to detection in seconds; nil where none was found.
	Median *float64 `json:"median_seconds,omitempty"`
	// Missed are examples of those that nobody was told of in time.
	Missed []Missed `json:"missed,omitempty"`
}

// Missed is an attack that nobody was told of, or too late.
type Missed struct {
	Account string           `json:"account"` // of a campaign, one
	From    holdfast.Instant `json:"from"`
	Found   bool             `json:"found"` // in time, by an alert that nobody is told of
	Late    bool             `json:"late"`  // told after the session began
}

// Rule is what one rule's alerts came to.
type Rule struct {
	Rule      string          `json:"rule"`
	Level     holdfast.Level  `json:"level"`
	Status    holdfast.Status `json:"status"`
	Alerts    int             `json:"alerts"`
	True      int             `json:"true"`
	False     int             `json:"false"`
	Precision float64         `json:"precision"` // share of the alerts that are true
	Accounts  int             `json:"accounts"`
	// Finds are the attacks that the rule finds by itself.
	Finds []Find `json:"finds,omitempty"`
	// Messages are the alerts that write to the owner, Needless those of level
	// high and above that do so while the account is not under attack, and Quiet
	// the like of a lower level.
	Messages int `json:"messages"`
	Needless int `json:"needless"`
	Quiet    int `json:"needless_below_high"`
}

// Find is how many attacks of a scenario a rule finds.
type Find struct {
	Scenario string `json:"scenario"`
	Attacks  int    `json:"attacks"`
}

// Owners are the messages to owners, and what they are measured by.
type Owners struct {
	Messages int `json:"messages"`            // alerts that write to the owner
	Needless int `json:"needless"`            // of level high and above, on an account not under attack
	Quiet    int `json:"needless_below_high"` // of a lower level, on an account not under attack
	Accounts int `json:"accounts"`
	// Days is the time from the first event to the last.
	Days float64 `json:"days"`
	// BenignDays are the account-days without those under attack: accounts times
	// days, less the time in which each was attacked, the grace included.
	BenignDays float64 `json:"benign_account_days"`
	// Per10000 and QuietPer10000 are Needless and Quiet for 10,000 benign
	// account-days; nil where there are none.
	Per10000      *float64 `json:"needless_per_10000_account_days,omitempty"`
	QuietPer10000 *float64 `json:"needless_below_high_per_10000_account_days,omitempty"`
	// ActiveDays are the account-days on which an event speaks of the account, by
	// days of UTC, without those on which it was under attack; 0 where they were
	// not counted.
	ActiveDays int `json:"benign_active_account_days"`
	// PerActive10000 and QuietPerActive10000 are for 10,000 of those: the stricter
	// figures, as accounts that nobody uses can't have an alert. Nil where there are
	// none.
	PerActive10000      *float64 `json:"needless_per_10000_active_account_days,omitempty"`
	QuietPerActive10000 *float64 `json:"needless_below_high_per_10000_active_account_days,omitempty"`
}
