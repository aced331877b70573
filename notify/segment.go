package notify

import (
	"strings"
	"unicode"
	"unicode/utf16"

	"golang.org/x/text/unicode/norm"
)

// Encoding is how an SMS is written on the air.
type Encoding string

// The encodings of an SMS. A single character outside GSM-7 turns the whole
// message into UCS-2 and so halves what fits.
const (
	GSM7 Encoding = "GSM-7"
	UCS2 Encoding = "UCS-2"
)

// The default alphabet of 3GPP TS 23.038 (6.2.1) and its extension table
// (6.2.1.1). A character of the extension takes two septets: an escape and its
// own.
const (
	gsmBasic = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?" +
		"¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
	gsmExtension = "\f^{}\\[~]|€"
)

// What one segment holds, alone and as a part of a longer message, which spends
// some of it on the header that joins the parts.
const (
	septetsAlone, septetsJoined = 160, 153
	unitsAlone, unitsJoined     = 70, 67
)

// Segments returns how a text is encoded and how many segments it takes; the
// empty text takes none. A character is never split between two segments.
func Segments(text string) (Encoding, int) {
	encoding, width, alone, joined := GSM7, septets, septetsAlone, septetsJoined
	for _, r := range text {
		if septets(r) == 0 {
			encoding, width, alone, joined = UCS2, units, unitsAlone, unitsJoined
			break
		}
	}
	total, parts, free := 0, 0, 0
	for _, r := range text {
		w := width(r)
		if total += w; w > free {
			parts, free = parts+1, joined
		}
		free -= w
	}
	if total <= alone {
		parts = min(parts, 1)
	}
	return encoding, parts
}

// septets is the width of a character in GSM-7, 0 where it has none.
func septets(r rune) int {
	switch {
	case strings.ContainsRune(gsmBasic, r):
		return 1
	case strings.ContainsRune(gsmExtension, r):
		return 2
	}
	return 0
}

// units is the width of a character in UTF-16, which handsets read UCS-2 as.
func units(r rune) int { return max(utf16.RuneLen(r), 1) }

// plain rewrites a name for GSM-7: it leaves off the accents that the alphabet
// lacks, so that one ô does not cost the message half its room.
func plain(name string) string {
	var b strings.Builder
	for _, r := range name {
		switch {
		case septets(r) > 0:
			b.WriteRune(r)
		case r == '’':
			b.WriteByte('\'')
		default:
			for _, part := range norm.NFD.String(string(r)) {
				if !unicode.Is(unicode.Mn, part) {
					b.WriteRune(part)
				}
			}
		}
	}
	return b.String()
}
