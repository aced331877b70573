package main

import (
	"strings"
	"testing"
)

func TestMedianAndQuantile(t *testing.T) {
	samples := []int{5, 1, 4, 2, 3}
	if m := median(samples); m != 3 {
		t.Errorf("the median of %v is %d", samples, m)
	}
	if m := median([]int{4, 1, 2, 3}); m != 2 {
		t.Errorf("the lower median is %d", m)
	}
	hundred := make([]int, 100)
	for i := range hundred {
		hundred[i] = i + 1
	}
	for share, want := range map[float64]int{0.5: 50, 0.99: 99, 1: 100} {
		if q := quantile(hundred, share); q != want {
			t.Errorf("the %v quantile of 1 to 100 is %d, want %d", share, q, want)
		}
	}
}

func TestTableIsMarkdown(t *testing.T) {
	var b strings.Builder
	err := table{
		{what: "speed", target: "≥ 2", measured: "3", met: true, note: "1, 3, 4"},
		{what: "size", target: "≤ 2", measured: "3"},
	}.print(&b)
	if err != nil {
		t.Fatal(err)
	}
	const want = `| what | must reach | measured | |
|---|---|---|---|
| speed | ≥ 2 | 3 | met |
| size | ≤ 2 | 3 | missed |

- speed: 1, 3, 4
`
	if b.String() != want {
		t.Errorf("got\n%swant\n%s", b.String(), want)
	}
}
