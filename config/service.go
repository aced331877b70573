package config

import (
	"errors"
	"fmt"
	"strings"
)

// The GSM-7 alphabet of SMS, without what ends a line: 3GPP TS 23.038, 6.2.1,
// and its extension table, 6.2.1.1, whose characters take twice the room.
const (
	gsmBasic = "@£$¥èéùìòÇØøÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?" +
		"¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
	gsmExtension = `^{}\[~]|€`
)

// serviceName checks what every SMS begins with: it has to leave room for the
// message, which one character outside GSM-7 would halve.
func serviceName(text string) error {
	const longest = 20
	length := 0
	for _, r := range text {
		switch {
		case strings.ContainsRune(gsmBasic, r):
			length++
		case strings.ContainsRune(gsmExtension, r):
			length += 2
		default:
			return fmt.Errorf("has the character %q, which is not in the GSM-7 alphabet of SMS", r)
		}
	}
	switch {
	case length > longest:
		return fmt.Errorf("must be at most %d characters, of which %s count twice: the rest of an SMS is the message's", longest, gsmExtension)
	case strings.TrimSpace(text) != text:
		return errors.New("must not begin or end with a space")
	}
	return nil
}
