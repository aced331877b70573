package intake

// The keys that the schema knows, as keyword returns them: their first 8 bytes.
const (
	keyID        = 'i' | 'd'<<8
	keyTime      = 't' | 'i'<<8 | 'm'<<16 | 'e'<<24
	keyType      = 't' | 'y'<<8 | 'p'<<16 | 'e'<<24
	keyAccount   = 'a' | 'c'<<8 | 'c'<<16 | 'o'<<24 | 'u'<<32 | 'n'<<40 | 't'<<48
	keyChannel   = 'c' | 'h'<<8 | 'a'<<16 | 'n'<<24 | 'n'<<32 | 'e'<<40 | 'l'<<48
	keyPurpose   = 'p' | 'u'<<8 | 'r'<<16 | 'p'<<24 | 'o'<<32 | 's'<<40 | 'e'<<48
	keyAttempt   = 'a' | 't'<<8 | 't'<<16 | 'e'<<24 | 'm'<<32 | 'p'<<40 | 't'<<48
	keySession   = 's' | 'e'<<8 | 's'<<16 | 's'<<24 | 'i'<<32 | 'o'<<40 | 'n'<<48
	keyDevice    = 'd' | 'e'<<8 | 'v'<<16 | 'i'<<24 | 'c'<<32 | 'e'<<40
	keyClient    = 'c' | 'l'<<8 | 'i'<<16 | 'e'<<24 | 'n'<<32 | 't'<<40
	keyPhone     = 'p' | 'h'<<8 | 'o'<<16 | 'n'<<24 | 'e'<<32
	keyAttrs     = 'a' | 't'<<8 | 't'<<16 | 'r'<<24 | 's'<<32
	keyTrusted   = 't' | 'r'<<8 | 'u'<<16 | 's'<<24 | 't'<<32 | 'e'<<40 | 'd'<<48
	keyPlatform  = 'p' | 'l'<<8 | 'a'<<16 | 't'<<24 | 'f'<<32 | 'o'<<40 | 'r'<<48 | 'm'<<56
	keyName      = 'n' | 'a'<<8 | 'm'<<16 | 'e'<<24
	keyIP        = 'i' | 'p'<<8
	keyCountry   = 'c' | 'o'<<8 | 'u'<<16 | 'n'<<24 | 't'<<32 | 'r'<<40 | 'y'<<48
	keyASN       = 'a' | 's'<<8 | 'n'<<16
	keyUserAgent = 'u' | 's'<<8 | 'e'<<16 | 'r'<<24 | '_'<<32 | 'a'<<40 | 'g'<<48 | 'e'<<56
	keyLat       = 'l' | 'a'<<8 | 't'<<16
	keyLon       = 'l' | 'o'<<8 | 'n'<<16
)

// keywordSpan is how many bytes keyword looks at: a quote and 8 more.
const keywordSpan = 9

// keyword returns the key that starts behind i if the schema knows it, as one of
// the constants, and else any other number. Nearer than keywordSpan to the end
// it knows none.
//
// Its result only chooses a branch, which the processor predicts, as producers
// write their keys in a fixed order. The value's position then follows from the
// length of the key that the branch stands for (see value), and reading it need
// not wait for the search for the key's end.
func (s *scanner) keyword(i int) uint64 {
	if i+keywordSpan > len(s.json) {
		return 0
	}
	w := load(s.json[i+1 : i+keywordSpan])
	quote := w ^ each*'"'
	quote = (quote - each) &^ quote & (each * 0x80) // the highest bit of the first quote, and perhaps others
	if quote == 0 {
		return s.longKeyword(i, w)
	}
	lowest := quote & -quote
	return w & (lowest>>7 - 1) // the bytes before it
}

// longKeyword is keyword for a key that starts with the 8 bytes of w.
func (s *scanner) longKeyword(i int, w uint64) uint64 {
	switch rest := i + keywordSpan; {
	case w == keyPlatform && s.at(rest) == '"',
		w == keyUserAgent && s.word(rest, `nt"`) != fail:
		return w
	}
	return 0
}

// value is the position behind a key, which keyword knew at i, and its colon,
// which follows at once or not at all.
func (s *scanner) value(i int, key string) int {
	colon := i + len(`""`) + len(key)
	if colon >= len(s.json) || s.json[i] != '"' || s.json[colon] != ':' {
		return fail
	}
	return colon + 1
}
