package store

import (
	"context"
	"fmt"
)

// longestRuleSet bounds the content of a rule set, in bytes: far more than
// people write, far less than the databases hold in a row.
const longestRuleSet = 64 << 20

// KeepRuleSet keeps what a rule set is made of, by its hash, for good. To the
// store both are the caller's: it never looks into the content. A set that is
// kept already is left as it is, and its content, which may be large, is not even
// sent: the hash stands for it.
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
	if kept, err := isKept(ctx, s.read, hash); err != nil || kept {
		return err
	}
	return s.transact(ctx, func(ctx context.Context, t transaction) error {
		_, err := t.exec(ctx, "INSERT INTO holdfast_rule_sets (hash, stored, content) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
			hash, nanos(s.now()), content)
		return err
	})
}

// RuleSet returns the content of a rule set that is kept, or ErrNotFound.
func (s *Store) RuleSet(ctx context.Context, hash string) ([]byte, error) {
	if err := checkHash(hash); err != nil {
		return nil, fmt.Errorf("read rule set: %w", err)
	}
	content, err := s.readRuleSet(ctx, hash)
	if err != nil {
		return nil, fmt.Errorf("read rule set: %w", err)
	}
	return content, nil
}

// queries is how a transaction reads, or a store outside of one.
type queries func(ctx context.Context, each func(scan) error, sql string, args ...any) error

func isKept(ctx context.Context, query queries, hash string) (kept bool, err error) {
	err = query(ctx, func(scan scan) error { return scan(&kept) },
		"SELECT EXISTS (SELECT 1 FROM holdfast_rule_sets WHERE hash = $1)", hash)
	return kept, err
}

func (s *Store) readRuleSet(ctx context.Context, hash string) ([]byte, error) {
	var content []byte
	found := false
	err := s.read(ctx, func(scan scan) error {
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
