//go:build integration

package chaos

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// report is what a run came to, as docs/reliability.md shows it.
type report struct {
	seed       uint64
	began      time.Time
	length     time.Duration
	struck     []strike
	starts     int   // of replicas
	generation int   // how often a partition was taken over
	deleted    int64 // records
	happened   happened
	evidence   evidence
	outcome    outcome
	findings   findings
}

func (r report) String() string {
	var b strings.Builder
	records := 0
	for _, log := range r.evidence.log {
		records += len(log)
	}
	occurrences := int64(0)
	for _, a := range r.evidence.alerts {
		occurrences += a.Occurrences.Count
	}
	verdict := "none missing, none too many, none different"
	if !r.findings.none() {
		verdict = fmt.Sprintf("%d missing, %d too many, %d different",
			len(r.findings.missing), len(r.findings.extra), len(r.findings.different))
	}
	row := func(what, how string, args ...any) { fmt.Fprintf(&b, "| "+what+" | "+how+" |\n", args...) }
	b.WriteString("| what | |\n|---|---|\n")
	row("seed", "%d", r.seed)
	row("began, lasted", "%s, %v", r.began.UTC().Format(time.DateTime), r.length.Round(time.Second))
	row("faults", "%d", len(r.struck))
	row("records in %d partitions", "%d, of which %d were deleted during the run", partitions, records, r.deleted)
	row("alerts compared", "%d: %s", len(r.outcome.alerts), verdict)
	row("occurrences compared", "%d, of %d alerts", occurrences, len(r.outcome.occurrences))
	row("groups given up for want of room", "%d", r.outcome.evicted)
	row("rejected records found in the dead-letter topic", "%d of %d", len(r.outcome.deadLetters)-len(r.findings.deadLetters), len(r.outcome.deadLetters))
	row("journal: rule sets, idle watermarks", "%d, %d", r.happened.activated, r.happened.idle)
	row("starts of replicas, takeovers of partitions", "%d, %d", r.starts, r.generation)
	row("partitions restored from a snapshot", "%d", r.happened.restored)
	row("current snapshots damaged, snapshots found unusable", "%d, %d", len(r.happened.damaged), len(r.happened.unusable))
	row("writes fenced off", "%d", r.happened.fenced)
	row("longest time from event to alert", "%v", longest(r.probes(time.Time{}, time.Time{})))

	b.WriteString("\n| fault | times | longest time from event to alert until the next fault, median | maximum |\n|---|---|---|---|\n")
	gaps := map[kind][]time.Duration{}
	for i, s := range r.struck {
		var next time.Time
		if i+1 < len(r.struck) {
			next = r.struck[i+1].at
		}
		gaps[s.kind] = append(gaps[s.kind], longest(r.probes(s.at, next)))
	}
	for _, k := range kinds {
		of := gaps[k]
		if len(of) == 0 {
			continue
		}
		slices.Sort(of)
		fmt.Fprintf(&b, "| %s | %d | %v | %v |\n", k, len(of), rounded(of[len(of)/2]), rounded(of[len(of)-1]))
	}

	b.WriteString("\n| rule | alerts |\n|---|---|\n")
	fired := map[string]int{}
	var names []string
	for _, a := range r.outcome.alerts {
		if fired[a.Rule]++; fired[a.Rule] == 1 {
			names = append(names, a.Rule)
		}
	}
	slices.SortFunc(names, func(a, b string) int { return cmp.Or(cmp.Compare(fired[b], fired[a]), cmp.Compare(a, b)) })
	for _, name := range names {
		fmt.Fprintf(&b, "| `%s` | %d |\n", name, fired[name])
	}
	return b.String()
}

// probes are the delays of the probes that were sent from one moment until
// another; a zero moment is no bound.
func (r report) probes(from, until time.Time) []time.Duration {
	var delays []time.Duration
	for _, a := range r.evidence.alerts {
		sent := a.Trigger.Time.Std()
		if a.Rule == "probe" && !sent.Before(from) && (until.IsZero() || sent.Before(until)) {
			delays = append(delays, delay(a))
		}
	}
	return delays
}

func longest(of []time.Duration) time.Duration {
	if len(of) == 0 {
		return 0
	}
	return rounded(slices.Max(of))
}

func rounded(d time.Duration) time.Duration { return d.Round(10 * time.Millisecond) }
