package main

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"time"
)

// row is a line of the table.
type row struct {
	what     string
	target   string // what it must reach
	measured string
	met      bool
	note     string // what the figure came from, below the table
}

// table is what `make bench` prints, as docs/benchmarks.md has it.
type table []row

func (t table) print(w io.Writer) error {
	var b strings.Builder
	b.WriteString("| what | must reach | measured | |\n|---|---|---|---|\n")
	for _, r := range t {
		verdict := "missed"
		if r.met {
			verdict = "met"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", r.what, r.target, r.measured, verdict)
	}
	b.WriteByte('\n')
	for _, r := range t {
		if r.note != "" {
			fmt.Fprintf(&b, "- %s: %s\n", r.what, r.note)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// median is the middle one, or the lower of the two in the middle. There must be
// one at least.
func median[T cmp.Ordered](samples []T) T {
	sorted := slices.Sorted(slices.Values(samples))
	return sorted[(len(sorted)-1)/2]
}

// quantile is the smallest of the samples that a share of them does not exceed.
// There must be one at least.
func quantile[T cmp.Ordered](samples []T, share float64) T {
	sorted := slices.Sorted(slices.Values(samples))
	return sorted[max(0, int(math.Ceil(share*float64(len(sorted))))-1)]
}

// list writes samples in the order in which they were taken.
func list[T any](samples []T, text func(T) string) string {
	var parts []string
	for _, s := range samples {
		parts = append(parts, text(s))
	}
	return strings.Join(parts, ", ")
}

// millions writes a rate or a number of things.
func millions(n float64) string { return fmt.Sprintf("%.2f M", n/1e6) }

func milliseconds(d time.Duration) string {
	return fmt.Sprintf("%.1f", float64(d)/float64(time.Millisecond))
}

func ratio(r float64) string { return fmt.Sprintf("%.2f", r) }
