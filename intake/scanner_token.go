package intake

import (
	"math"
	"math/bits"
	"strconv"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/holdfastd/holdfast"
)

// at is the byte at i, or 0 where there is none: JSON has no use for a byte 0.
func (s *scanner) at(i int) byte {
	if uint(i) < uint(len(s.json)) {
		return s.json[i]
	}
	return 0
}

// space reads over white space.
func (s *scanner) space(i int) int {
	for uint(i) < uint(len(s.json)) && s.json[i] <= ' ' && isSpace(s.json[i]) {
		i++
	}
	return i
}

func isSpace(c byte) bool { return c == ' ' || c == '\n' || c == '\t' || c == '\r' }

// object begins an object; null is an absent one, which has no members.
func (s *scanner) object(i int) (next int, more bool) {
	i = s.space(i)
	switch s.at(i) {
	case '{':
		return s.begin(i, '}')
	case 'n':
		return s.word(i, "null"), false
	}
	return fail, false
}

// begin reads over an opening bracket. There is more unless the closing one
// follows.
func (s *scanner) begin(i int, closing byte) (next int, more bool) {
	i = s.space(i + 1)
	if s.at(i) == closing {
		return i + 1, false
	}
	return i, true
}

// more reads over what follows a member or an element: a comma, and there is
// more, or the closing bracket.
func (s *scanner) more(i int, closing byte) (next int, more bool) {
	c := s.at(i)
	if c <= ' ' {
		i = s.space(i)
		c = s.at(i)
	}
	switch c {
	case closing:
		return i + 1, false
	case ',':
		return s.space(i + 1), true
	}
	return fail, false
}

// key reads any key and its colon, which follows at once. One that is spelt with
// escapes may be one that the schema knows; the scanner doesn't ask.
func (s *scanner) key(i int) (key string, value int) {
	if s.at(i) != '"' {
		return "", fail
	}
	key, colon := s.quoted(i + 1)
	if s.at(colon) != ':' || colon != i+len(`""`)+len(key) {
		return "", fail
	}
	return key, s.space(colon + 1)
}

// word reads one of the words that JSON knows.
func (s *scanner) word(i int, word string) int {
	if json := s.json; 0 <= i && i <= len(json)-len(word) && json[i:i+len(word)] == word {
		return i + len(word)
	}
	return fail
}

// text reads a string; null is an absent one.
func (s *scanner) text(i int) (text string, next int) {
	i = s.space(i)
	if s.at(i) != '"' {
		return "", s.word(i, "null")
	}
	return s.quoted(i + 1)
}

// quoted reads a string from behind its opening quote.
func (s *scanner) quoted(start int) (text string, next int) {
	json := s.json
	last := len(json) - 8
	if start < 0 || last < 0 || start > len(json) {
		return "", fail
	}
	i := start
	for ; i <= last; i += 8 {
		if found := special(load(json[i : i+8])); found != 0 {
			i += bits.TrailingZeros64(found) / 8
			if json[i] == '"' {
				return json[start:i], i + 1
			}
			return s.specialText(start, i)
		}
	}
	// Fewer than 8 bytes are left. The shift brings zeros behind them, which are
	// special too.
	i += bits.TrailingZeros64(special(load(json[last:])>>(8*(i-last)))) / 8
	if i < len(json) && json[i] == '"' {
		return json[start:i], i + 1
	}
	return s.specialText(start, i)
}

// specialText reads on at i in a string that starts at start and is plain ASCII
// so far. It takes what is rare.
func (s *scanner) specialText(start, i int) (text string, next int) {
	escaped := false
	for ; i < len(s.json); i++ {
		switch c := s.json[i]; {
		case c >= utf8.RuneSelf:
			i = s.beyondASCII(i+1) - 1
		case c == '"' && escaped:
			plain, err := jsontext.AppendUnquote(nil, s.json[start-1:i+1])
			if err != nil {
				return "", fail
			}
			return string(plain), i + 1
		case c == '"':
			text = s.json[start:i]
			if !utf8.ValidString(text) {
				return "", fail
			}
			return text, i + 1
		case c == '\\':
			escaped = true
			i++
		case c < ' ':
			return "", fail
		}
	}
	return "", fail
}

// beyondASCII reads over bytes beyond ASCII and what is plain between them, up to
// what isn't or to the last 7 bytes.
func (s *scanner) beyondASCII(i int) int {
	json := s.json
	for ; 0 <= i && i <= len(json)-8; i += 8 {
		if found := specialASCII(load(json[i : i+8])); found != 0 {
			return i + bits.TrailingZeros64(found)/8
		}
	}
	return i
}

// load reads 8 bytes, the first of them lowest. The compiler makes it one load.
func load(b string) uint64 {
	return uint64(b[0]) | uint64(b[1])<<8 | uint64(b[2])<<16 | uint64(b[3])<<24 |
		uint64(b[4])<<32 | uint64(b[5])<<40 | uint64(b[6])<<48 | uint64(b[7])<<56
}

// each has a 1 in each byte: each*b is 8 bytes b.
const each = 0x0101010101010101

// special marks, by their highest bits, the bytes of w that end a run of plain
// ASCII: quote, backslash, control characters and what is beyond ASCII. Of the
// marks, the lowest is right; above it, a subtraction may have borrowed.
//
// Flipping bit 1 swaps quote and space, whereupon the quote is next to the
// control characters and one subtraction finds them all. A byte beyond ASCII
// keeps its highest bit through at least one of the two.
func special(w uint64) uint64 {
	quoteOrControl := (w ^ each*0x02) - each*0x21
	backslash := (w ^ each*'\\') - each
	return (quoteOrControl | backslash) & (each * 0x80)
}

// specialASCII is special without what is beyond ASCII. Each of its marks is
// right, as nothing here carries into the next byte.
func specialASCII(w uint64) uint64 {
	ascii := w & (each * 0x7f)
	notQuoteOrControl := (ascii ^ each*0x02) + each*(0x80-0x21)
	notBackslash := (ascii ^ each*'\\') + each*(0x80-1)
	return ^(notQuoteOrControl & notBackslash) &^ w & (each * 0x80)
}

// trust reads a boolean; null is an absent one.
func (s *scanner) trust(i int, to *holdfast.Trust) int {
	i = s.space(i)
	switch s.at(i) {
	case 't':
		*to = holdfast.Trusted
		return s.word(i, "true")
	case 'f':
		*to = holdfast.Untrusted
		return s.word(i, "false")
	}
	return s.word(i, "null")
}

// number reads a number and returns its JSON text.
func (s *scanner) number(i int) (text string, next int) {
	start := i
	if s.at(i) == '-' {
		i++
	}
	whole := i
	if i = s.digits(i); i == whole || i > whole+1 && s.json[whole] == '0' {
		return "", fail
	}
	if s.at(i) == '.' {
		fraction := i + 1
		if i = s.digits(fraction); i == fraction {
			return "", fail
		}
	}
	if s.at(i)|0x20 == 'e' {
		i++
		if c := s.at(i); c == '+' || c == '-' {
			i++
		}
		exponent := i
		if i = s.digits(exponent); i == exponent {
			return "", fail
		}
	}
	return s.json[start:i], i
}

func (s *scanner) digits(i int) int {
	for s.at(i)-'0' < 10 {
		i++
	}
	return i
}

// asn reads an autonomous system number; null is an absent one.
func (s *scanner) asn(i int, to *int64) int {
	i = s.space(i)
	if s.at(i) == 'n' {
		return s.word(i, "null")
	}
	n, next := s.whole(i, 0)
	if digits := next - i; digits < 1 || digits > 10 || digits > 1 && s.json[i] == '0' || n > math.MaxUint32 {
		return fail
	}
	*to = int64(n)
	return next
}

// degrees reads an angle of at most limit to either side of 0; null is an
// absent one.
func (s *scanner) degrees(i int, limit float64, to *float64) int {
	i = s.space(i)
	if s.at(i) == 'n' {
		return s.word(i, "null")
	}
	text, i := s.number(i)
	n, err := parseFloat(text)
	if err != nil || n < -limit || limit < n {
		return fail
	}
	*to = n + 0 // -0 is 0, as for one that is absent
	return i
}

// whole reads on at i in a number whose digits up to there make n. It returns
// nonsense for one of more than 19 digits.
func (s *scanner) whole(i int, n uint64) (whole uint64, next int) {
	for json := s.json; uint(i) < uint(len(json)) && json[i]-'0' < 10; i++ {
		n = n*10 + uint64(json[i]-'0')
	}
	return n, i
}

// parseFloat is strconv.ParseFloat for a JSON number.
func parseFloat(text string) (float64, error) {
	n, decimals, ok := short(text)
	if !ok {
		return strconv.ParseFloat(text, 64)
	}
	// Both are exact in a float64, so that the quotient is rounded once and
	// rightly.
	f := float64(n) / powersOfTen[decimals]
	if text[0] == '-' {
		f = -f
	}
	return f, nil
}

// short reads the digits of a JSON number as one whole number, and how many of
// them are decimals, if they are few (10^15 < 2^53) and it has no exponent.
func short(text string) (n uint64, decimals int, ok bool) {
	if len(text) == 0 || len(text) > 15 {
		return 0, 0, false
	}
	point := len(text) - 1
	for i := range len(text) {
		switch c := text[i]; {
		case c-'0' < 10:
			n = n*10 + uint64(c-'0')
		case c == '.':
			point = i
		case c != '-':
			return 0, 0, false
		}
	}
	return n, len(text) - 1 - point, true
}

var powersOfTen = [15]float64{1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14}
