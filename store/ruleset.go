package store

import (
	"bytes"
	"context"
	"fmt"
)

// longestRuleSet bounds the content of a rule set, in bytes: far more than
// people write, far less than the databases hold in a row.
const longestRuleSet = 64 << 20

// KeepRuleSet keeps what a rule set is made of, by its hash, for good. To the
// store both are the caller's: it never looks into the content. A set that is
// kept already is left as it is; with other content it is an [ErrRefused].
func (s *Store) KeepRuleSet(ctx context.Context, hash string, content []byte) error {
	if err := s.keepRuleSet(ctx, hash, content); err != nil {
		return fmt.Errorf("keep rule set: %w", err)
	}
	return nil
}

func (s *Store) keepRuleSet(ctx context.Context, hash string, content []byte) error {
	if err := checkHash(hash); err != nil {
		return err
	}
	if len(content) > longestRuleSet {
		return refuse("it has %d bytes; at most %d are kept", len(content), longestRuleSet)
	}
	if content == nil {
		content = []byte{} // nil would be NULL
	}
	return s.transact(ctx, func(ctx context.Context, t transaction) error {
		n, err := t.exec(ctx, "INSERT INTO holdfast_rule_sets (hash, stored, content) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
			hash, nanos(s.now()), content)
		if err != nil || n > 0 {
			return err
		}
		kept, err := readRuleSet(ctx, t.query, hash)
		if err == nil && !bytes.Equal(kept, content) {
			err = refuse("%s is kept already, with other content", hash)
		}
		return err
	})
}

// RuleSet returns the content of a rule set that is kept, or ErrNotFound.
func (s *Store) RuleSet(ctx context.Context, hash string) ([]byte, error) {
	if err := checkHash(hash); err != nil {
		return nil, fmt.Errorf("read rule set: %w", err)
	}
	content, err := readRuleSet(ctx, s.read, hash)
	if err != nil {
		return nil, fmt.Errorf("read rule set: %w", err)
	}
	return content, nil
}

func readRuleSet(ctx context.Context, query func(context.Context, func(scan) error, string, ...any) error, hash string) ([]byte, error) {
	var content []byte
	found := false
	err := query(ctx, func(scan scan) error {
		found = true
		return scan(&content)
	}, "SELECT content FROM holdfast_rule_sets WHERE hash = $1", hash)
	if err == nil && !found {
		err = fmt.Errorf("%s: %w", hash, ErrNotFound)
	}
	return content, err
}

// checkHash refuses what can't be the name of a rule set.
func checkHash(hash string) error {
	const longest = 200 // bytes
	if hash == "" || len(hash) > longest || !storable(hash) {
		return refuse("its hash must be a text of 1 to %d bytes", longest)
	}
	return nil
}
