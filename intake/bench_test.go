package intake_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/intake"
)

// The event of every benchmark but the varied one is DESIGN.md's example, 384
// bytes long.

func BenchmarkScan(b *testing.B) {
	d := intake.NewDecoder(intake.Options{})
	benchmarkReading(b, [][]byte{[]byte(full)}, d.Scan)
}

// BenchmarkScanVaried reads many events with other lengths and other fields, so
// that the processor can't learn one by heart.
func BenchmarkScanVaried(b *testing.B) {
	d := intake.NewDecoder(intake.Options{})
	random := rand.New(rand.NewPCG(4, 4))
	var values [][]byte
	for range 4096 {
		e := randomEvent(random)
		values = append(values, intake.Append(nil, &e))
	}
	benchmarkReading(b, values, d.Scan)
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
	for b.Loop() {
		if err := read(values[i], time.Time{}, &e); err != nil {
			b.Fatal(err)
		}
		if i++; i == len(values) {
			i = 0
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
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
