package detector

import (
	"encoding/binary"
	"math"
	"time"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/detector/memory"
	"github.com/holdfastd/holdfast/rules/expression"
)

// putWords stores words in a chain of chunks, 0 if there are none.
func (e *Engine) putWords(kind uint8, words []uint64) memory.Ref {
	var first, last memory.Ref
	for len(words) > 0 {
		n := min(len(words), memory.MaxPayload)
		ref := e.arena.Alloc(0, kind, n)
		copy(e.arena.Own(ref).Payload(), words)
		words = words[n:]
		if first == 0 {
			first = ref
		} else {
			e.arena.Own(last).SetNext(ref)
		}
		last = ref
	}
	return first
}

// getWords appends the words of a chain of chunks.
func (e *Engine) getWords(to []uint64, ref memory.Ref) []uint64 {
	for ref != 0 {
		c := e.arena.Read(ref)
		to = append(to, c.Payload()...)
		ref = c.Next()
	}
	return to
}

// putText stores bytes, the number of which it puts before them.
func (e *Engine) putText(text []byte) memory.Ref {
	e.text = text
	e.words = appendText(append(e.words[:0], uint64(len(text))), text)
	return e.putWords(chunkText, e.words)
}

// getText appends the bytes that putText stored.
func (e *Engine) getText(to []byte, ref memory.Ref) []byte {
	e.words = e.getWords(e.words[:0], ref)
	return readText(to, e.words[1:], int(e.words[0]))
}

// appendText packs bytes into words, eight to a word.
func appendText[T string | []byte](to []uint64, text T) []uint64 {
	var b [8]byte
	for len(text) > 0 {
		n := copy(b[:], text)
		clear(b[n:])
		text = text[n:]
		to = append(to, binary.LittleEndian.Uint64(b[:]))
	}
	return to
}

// readText appends n bytes that were packed into words.
func readText(to []byte, words []uint64, n int) []byte {
	for _, w := range words[:wordsFor(n)] {
		to = binary.LittleEndian.AppendUint64(to, w)
	}
	return to[:len(to)-(wordsFor(n)*8-n)]
}

// wordsFor is how many words n bytes take.
func wordsFor(n int) int { return (n + 7) / 8 }

// texts lists an event's texts, attributes apart.
func texts(e *holdfast.Event) [15]*string {
	return [...]*string{
		&e.ID, &e.Type, &e.Account, &e.Channel, &e.Purpose, &e.Attempt, &e.Session, &e.Phone, &e.Rule,
		&e.Device.ID, &e.Device.Platform, &e.Device.Name, &e.Client.IP, &e.Client.Country, &e.Client.UserAgent,
	}
}

// appendEvent encodes an event.
func appendEvent(b []byte, e *holdfast.Event) []byte {
	b = binary.LittleEndian.AppendUint64(b, uint64(e.Time))
	b = binary.LittleEndian.AppendUint64(b, uint64(e.Client.ASN))
	b = binary.LittleEndian.AppendUint64(b, math.Float64bits(e.Client.Lat))
	b = binary.LittleEndian.AppendUint64(b, math.Float64bits(e.Client.Lon))
	b = append(b, byte(e.Device.Trusted), byte(e.Level))
	for _, text := range texts(e) {
		b = tuple(b).add(*text)
	}
	for _, a := range e.Attrs {
		b = tuple(b).add(a.Name).add(a.Value)
	}
	return b
}

// readEvent decodes what appendEvent has encoded, with texts of its own.
func readEvent(b []byte) holdfast.Event {
	text := string(b)
	number := func(i int) uint64 { return binary.LittleEndian.Uint64(b[8*i:]) }
	e := holdfast.Event{Time: holdfast.Instant(number(0))}
	e.Client.ASN = int64(number(1))
	e.Client.Lat, e.Client.Lon = math.Float64frombits(number(2)), math.Float64frombits(number(3))
	e.Device.Trusted, e.Level = holdfast.Trust(b[32]), holdfast.Level(b[33])
	at := 34
	next := func() string {
		n, size := binary.Uvarint(b[at:])
		from := at + size
		at = from + int(n)
		return text[from:at]
	}
	for _, t := range texts(&e) {
		*t = next()
	}
	for at < len(b) {
		e.Attrs = append(e.Attrs, holdfast.Attr{Name: next(), Value: next()})
	}
	return e
}

// profileWords is how many words packProfile takes.
const profileWords = 7

// packProfile keeps what was known of an account at an event.
func packProfile(to []uint64, p *expression.Profile) {
	var known uint64
	for i, is := range []bool{p.DeviceKnown, p.CountryKnown, p.NetworkKnown} {
		if is {
			known |= 1 << i
		}
	}
	copy(to, []uint64{
		known, uint64(p.DeviceAge), uint64(p.CountryAge), uint64(p.SIMAge), uint64(p.PhoneAge), math.Float64bits(p.TravelKMH),
		uint64(p.ProfileAge),
	})
}

func unpackProfile(from []uint64, p *expression.Profile) {
	p.DeviceKnown, p.CountryKnown, p.NetworkKnown = from[0]&1 != 0, from[0]&2 != 0, from[0]&4 != 0
	p.DeviceAge, p.CountryAge, p.SIMAge, p.PhoneAge = time.Duration(from[1]), time.Duration(from[2]), time.Duration(from[3]), time.Duration(from[4])
	p.TravelKMH, p.ProfileAge = math.Float64frombits(from[5]), time.Duration(from[6])
}

// readable reports whether readEvent can read the bytes.
func readable(b []byte) bool {
	const numbers = 34
	if len(b) < numbers {
		return false
	}
	at, fields := numbers, 0
	for ; at < len(b); fields++ {
		n, size := binary.Uvarint(b[at:])
		if size <= 0 || n > uint64(len(b)-at-size) {
			return false
		}
		at += size + int(n)
	}
	texts := len(texts(&holdfast.Event{}))
	return fields >= texts && (fields-texts)%2 == 0
}
