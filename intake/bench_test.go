package intake_test

import (
	"testing"
	"time"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/intake"
)

func BenchmarkDecode(b *testing.B) {
	d := intake.NewDecoder(intake.Options{})
	value := []byte(full)
	var e holdfast.Event
	b.ReportAllocs()
	b.SetBytes(int64(len(value)))
	for b.Loop() {
		if err := d.Decode(value, time.Time{}, &e); err != nil {
			b.Fatal(err)
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
