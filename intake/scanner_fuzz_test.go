package intake_test

import (
	"strings"
	"testing"
	"time"
)

// FuzzScan holds the scanner against the general reader: what it accepts, that
// one accepts and reads alike. The input is a value, and it is a part of values
// that are events around it, as few others are.
func FuzzScan(f *testing.F) {
	around := []string{
		"…",
		with("…"),
		with(`"device":{…}`),
		with(`"client":{…}`),
		with(`"attrs":{…}`),
		with(`"more":…`),
		`{"type":"x.a","account":"ana","time":"…"}`,
		strings.Replace(full, `,"phone"`, `,…,"phone"`, 1),
		strings.Replace(full, `"iPhone"`, `"…"`, 1),
	}
	for _, seed := range []string{
		full,
		" { \"time\" : \"2024-02-29T23:59:59Z\" ,\n\t\"type\" : \"x.a\", \"account\": \"a\"}\r\n",
		`"\u0061ccount":"eve","user_agents":1,"id":"é"`,
		`"trusted":true,"platform":"web","platforms":2`,
		`"asn":4294967295,"lat":-0.0,"lon":1e-400`,
		`"n":1.50,"t":true,"x":null,"":"😀\ud83d\ude00"`,
		`[[{"a":{"b":1,"c":"1"}}],null,false]`,
		"2024-02-29T23:59:59.999999999-23:59",
	} {
		f.Add(seed)
	}
	broker := instant("2026-11-24T08:28:59Z").Std() // just too early for around
	f.Fuzz(func(t *testing.T, part string) {
		for _, a := range around {
			value := []byte(strings.Replace(a, "…", part, 1))
			checkAsGeneral(t, value, time.Time{})
			checkAsGeneral(t, value, broker)
		}
	})
}
