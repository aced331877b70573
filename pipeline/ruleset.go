package pipeline

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/detector"
	"github.com/holdfastd/holdfast/internal/diag"
	"github.com/holdfastd/holdfast/rules"
	"github.com/holdfastd/holdfast/rules/expression"
)

// RuleSet is all that decides what an engine makes of its input: rules, the
// lists they look things up in, and the engine's settings. It can be kept, and be
// read again in another process.
type RuleSet struct {
	// Rules are the compiled rules.
	Rules *rules.Set
	// Hash names the set: two of the same hash make the same of the same input.
	Hash string
	// Reduced takes the set's place in a topic of several partitions, none of which
	// sees the whole of a group that cuts across accounts. Nil: such rules are
	// refused there.
	Reduced *RuleSet

	engine  detector.Options // settings alone
	content []byte           // from which it can be read again
}

// kept is the form in which a rule set is kept.
type kept struct {
	Engine  settings         `json:"engine"`
	Sources [][]byte         `json:"sources"` // of rules, in the order in which they are applied
	Lists   expression.Lists `json:"lists"`   // that the rules refer to
}

type settings struct {
	Lateness    time.Duration `json:"lateness_ns"`
	MaxLateness time.Duration `json:"max_lateness_ns"`
	TrustAfter  time.Duration `json:"trust_after_ns"`
	MaxEntries  int           `json:"max_entries"`
	MaxGroups   int           `json:"max_groups"`
}

// maxRuleSet bounds a rule set as it is kept, in bytes: the store's own bound.
const maxRuleSet = 64 << 20

// NewRuleSet joins rules and an engine's settings; the options' partition and
// rules are not looked at. The error says that it is too large to be kept.
func NewRuleSet(set *rules.Set, engine detector.Options) (*RuleSet, error) {
	engine = engine.WithDefaults()
	engine.Partition, engine.Rules = 0, nil
	k := kept{
		Engine: settings{engine.Lateness, engine.MaxLateness, engine.TrustAfter, engine.MaxEntries, engine.MaxGroups},
		Lists:  set.Lists,
	}
	for _, s := range set.Sources {
		k.Sources = append(k.Sources, s.Content)
	}
	content, err := json.Marshal(k)
	if err != nil {
		return nil, fmt.Errorf("encoding the rule set: %w", err)
	}
	if len(content) > maxRuleSet {
		return nil, fmt.Errorf("the rules and the lists they refer to take %d MiB, and at most %d MiB can be kept: shorten the lists",
			len(content)>>20, maxRuleSet>>20)
	}
	sum := sha256.Sum256(content)
	return &RuleSet{Rules: set, Hash: hex.EncodeToString(sum[:16]), engine: engine, content: content}, nil
}

// ReadRuleSet compiles a rule set from the form in which it was kept.
func ReadRuleSet(content []byte) (*RuleSet, error) {
	var k kept
	if err := json.Unmarshal(content, &k); err != nil {
		return nil, fmt.Errorf("reading a rule set: %w", err)
	}
	sources := make([]rules.Source, len(k.Sources))
	for i, s := range k.Sources {
		sources[i] = rules.Source{Name: fmt.Sprintf("kept-%d.yaml", i+1), Content: s}
	}
	set, err := rules.Compile(sources, rules.Options{Lists: k.Lists})
	if err != nil {
		return nil, fmt.Errorf("reading a rule set: %w", err)
	}
	return NewRuleSet(set, detector.Options{
		Lateness: k.Engine.Lateness, MaxLateness: k.Engine.MaxLateness, TrustAfter: k.Engine.TrustAfter,
		MaxEntries: k.Engine.MaxEntries, MaxGroups: k.Engine.MaxGroups,
	})
}

// options configure the engine of a partition.
func (s *RuleSet) options(partition int32) detector.Options {
	opts := s.engine
	opts.Partition, opts.Rules = partition, s.Rules
	return opts
}

// in returns what is to be in force of the set in a topic of so many partitions.
func (s *RuleSet) in(partitions int) *RuleSet {
	if partitions > 1 && s.Reduced != nil {
		return s.Reduced
	}
	return s
}

// leavesOut names the rules that are not in force in a topic of so many partitions.
func (s *RuleSet) leavesOut(partitions int) []string {
	var names []string
	if kept := s.in(partitions); kept != s {
		for _, r := range s.Rules.Rules {
			if !slices.ContainsFunc(kept.Rules.Rules, func(k *rules.Rule) bool { return k.ID == r.ID }) {
				names = append(names, r.ID)
			}
		}
	}
	return names
}

// evaluable reports, as a diag.List, every rule that can't be evaluated: those
// that count more than a group remembers, and those whose groups would be torn
// apart because the topic has several partitions and is divided by account.
func (s *RuleSet) evaluable(partitions int) error {
	var found diag.List
	for _, r := range s.Rules.Rules {
		if r.Status == holdfast.Deprecated {
			continue
		}
		if r.Count > s.engine.MaxEntries {
			found.Add(r.File, r.Pos, "rule `%s` counts %d events, and engine.max_entries lets a group remember %d", r.ID, r.Count, s.engine.MaxEntries)
		}
		if partitions > 1 && !r.ByAccount() {
			found = append(found, diag.Diagnostic{
				File: r.File, Pos: r.Pos,
				Message: fmt.Sprintf("rule `%s` is not grouped by account, and no partition sees the whole group: the topic has %d partitions", r.ID, partitions),
				Hint:    "use a topic of one partition, or leave the rule out",
			})
		}
	}
	return found.Err()
}
