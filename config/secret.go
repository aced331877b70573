package config

import (
	"fmt"
	"io"
	"log/slog"
)

// Secret is a text that is never shown: whatever prints, logs or marshals it
// writes <secret>, or nothing where there is none. The zero Secret is none.
type Secret struct {
	// Behind a pointer, the text stays hidden even where package fmt can't
	// call a method: in an unexported field it prints an address.
	text *string
}

// Hidden is what a secret prints as.
const Hidden = "<secret>"

// NewSecret wraps a text. The empty text is no secret.
func NewSecret(text string) Secret {
	if text == "" {
		return Secret{}
	}
	return Secret{&text}
}

// Reveal returns the text itself, for the one place that needs it.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// IsZero reports whether there is no secret.
func (s Secret) IsZero() bool { return s.text == nil }

// Equal reports whether both hold the same text.
func (s Secret) Equal(t Secret) bool { return s.Reveal() == t.Reveal() }

// String returns <secret>.
func (s Secret) String() string {
	if s.IsZero() {
		return ""
	}
	return Hidden
}

// GoString returns <secret>.
func (s Secret) GoString() string { return s.String() }

// Format writes <secret> under every verb; without it %d would look inside.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// LogValue returns <secret>.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText writes <secret>; JSON follows it.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// MarshalYAML writes <secret>.
func (s Secret) MarshalYAML() (any, error) { return s.String(), nil }
