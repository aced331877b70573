//go:build unix

package intake_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"syscall"
	"testing"
	"time"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/intake"
)

// The event of every benchmark but those over many is DESIGN.md's example, 384
// bytes long.

func BenchmarkScan(b *testing.B) {
	d := intake.NewDecoder(intake.Options{})
	benchmarkReading(b, [][]byte{[]byte(full)}, d.Scan)
}

// BenchmarkScanEveryday reads events such as a service sends, of a few kinds in
// changing order and with changing lengths.
func BenchmarkScanEveryday(b *testing.B) {
	d := intake.NewDecoder(intake.Options{})
	benchmarkReading(b, lines(16_384, everydayEvent), d.Scan)
}

// BenchmarkScanVaried reads events of which each has other fields, so that the
// processor can't learn what comes next.
func BenchmarkScanVaried(b *testing.B) {
	d := intake.NewDecoder(intake.Options{})
	benchmarkReading(b, lines(4096, randomEvent), d.Scan)
}

func BenchmarkDecode(b *testing.B) {
	d := intake.NewDecoder(intake.Options{})
	benchmarkReading(b, [][]byte{[]byte(full)}, d.Decode)
}

// BenchmarkDecodeAny is what an event costs that the scanner turns down.
func BenchmarkDecodeAny(b *testing.B) {
	d := intake.NewDecoder(intake.Options{})
	benchmarkReading(b, [][]byte{[]byte(full)}, d.DecodeAny)
}

func benchmarkReading(b *testing.B, values [][]byte, read func([]byte, time.Time, *holdfast.Event) error) {
	bytes := 0
	for _, value := range values {
		bytes += len(value)
	}
	var e holdfast.Event
	i := 0
	b.ReportAllocs()
	b.SetBytes(int64(bytes / len(values)))
	start := cpuTime(b)
	for b.Loop() {
		if err := read(values[i], time.Time{}, &e); err != nil {
			b.Fatal(err)
		}
		if i++; i == len(values) {
			i = 0
		}
	}
	b.ReportMetric(float64(cpuTime(b)-start)/float64(b.N), "cpu-ns/op")
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
}

// cpuTime is what the process has used of the processor. Unlike the time that
// passes, it does not grow while others use it.
func cpuTime(b *testing.B) time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// lines are n events in canonical JSON.
func lines(n int, event func(*rand.Rand) holdfast.Event) [][]byte {
	random := rand.New(rand.NewPCG(4, 4))
	values := make([][]byte, n)
	for i := range values {
		e := event(random)
		values[i] = intake.Append(nil, &e)
	}
	return values
}

// everydayEvent is one of the kinds of event that make up most of a service's
// traffic: something of a session, a code that is asked for, or what the SMS
// gateway says of it.
func everydayEvent(random *rand.Rand) holdfast.Event {
	one := func(of ...string) string { return of[random.IntN(len(of))] }
	token := func(prefix string, digits int) string {
		return prefix + fmt.Sprintf("%0*d", digits, random.Uint64N(1e12))[:digits]
	}
	e := holdfast.Event{
		ID: token("bn3kikq8", 12), Time: instant("2026-11-24T08:34:00Z").Add(time.Duration(random.IntN(1e9)) * time.Millisecond),
		Account: token("u_", 10),
		Device:  holdfast.Device{ID: token("d_", 12), Trusted: holdfast.Trusted},
	}
	kind := random.IntN(10)
	if kind < 5 { // of a session
		e.Type, e.Session = one(holdfast.TypeLoginSucceeded, holdfast.TypeSessionStarted, holdfast.TypeSessionEnded), token("s_", 12)
	} else {
		e.Type, e.Channel, e.Purpose = holdfast.TypeCodeRequested, one("sms", "sms", "voice", "app"), one("login", "login", "signup")
		e.Attempt, e.Phone = token("a_", 10), token("+1555", 7)
	}
	if kind >= 8 { // of the gateway
		e.Type = one(holdfast.TypeCodeDelivered, holdfast.TypeCodeDelivered, holdfast.TypeCodeDeliveryFailed)
		e.Attrs = attrs("gateway", one("alpha", "beta"))
		return e
	}
	e.Device.Platform = one("ios", "android", "web", "desktop")
	if random.IntN(4) > 0 {
		e.Device.Name = one("iPhone 17", "Galaxy S25 Ultra", "Pixel 9", "MacBook Pro", "Firefox", "Chrome on Windows", "Ana’s iPad", "Телефон Олени")
		e.Attrs = attrs("app_version", fmt.Sprintf("%d.%d.%d", 8+random.IntN(2), random.IntN(10), random.IntN(12)))
	}
	e.Client = holdfast.Client{
		IP: fmt.Sprintf("10.%d.%d.%d", random.IntN(256), random.IntN(256), random.IntN(256)), Country: one("NG", "DE", "US", "JP"),
		ASN:       random.Int64N(1 << (8 + random.IntN(10))),
		UserAgent: one("Desktop/5.4 (macOS 26.1)", "App/9.1 (Android 16; Pixel 9)", "App/9.1 (iPhone; iOS 26.1)", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"),
	}
	if random.IntN(5) == 0 {
		e.Client.Lat, e.Client.Lon = math.Round(random.Float64()*90e4)/1e4, math.Round(random.Float64()*180e4)/-1e4
	}
	return e
}

func BenchmarkAppend(b *testing.B) {
	e := fullEvent()
	var buffer []byte
	b.ReportAllocs()
	for b.Loop() {
		buffer = intake.Append(buffer[:0], &e)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
}
