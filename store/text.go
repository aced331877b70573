package store

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"unicode/utf8"
)

// accountKey is an account as its column holds it: itself, unless it is what a
// database might refuse. Account ids can be what a stranger typed into a login
// form, and one that can't be stored would stop its partition for good. Only
// an account's own key ever looks like a hash.
func accountKey(account string) string {
	const longest = 200 // bytes; an index entry of PostgreSQL holds 2,704
	const hashed = "sha256:"
	if len(account) <= longest && !strings.HasPrefix(account, hashed) && storable(account) {
		return account
	}
	sum := sha256.Sum256([]byte(account))
	return hashed + hex.EncodeToString(sum[:])
}

// clean is a text from outside, cut and mended into what both databases take.
func clean(s string) string {
	const longest = 500 // bytes
	if len(s) > longest {
		s = s[:longest]
	}
	if storable(s) {
		return s
	}
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}

// storable says whether PostgreSQL takes s as a text.
func storable(s string) bool { return utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 }
