package detector

import "github.com/holdfastd/holdfast"

// Output collects what a batch of events causes. The zero value is ready; reuse
// it with Reset.
type Output struct {
	Alerts []holdfast.Alert
	// Occurrences are the latest counts of the suppressed alerts that were fed,
	// each alert once.
	Occurrences []holdfast.Occurrences
	index       map[string]int // alert id: place in Occurrences
}

// Reset empties the output, keeping its memory.
func (o *Output) Reset() {
	clear(o.Alerts)
	o.Alerts, o.Occurrences = o.Alerts[:0], o.Occurrences[:0]
	clear(o.index)
}

func (o *Output) occurred(now holdfast.Occurrences) {
	if i, ok := o.index[now.Alert]; ok {
		o.Occurrences[i] = now
		return
	}
	if o.index == nil {
		o.index = make(map[string]int)
	}
	o.index[now.Alert] = len(o.Occurrences)
	o.Occurrences = append(o.Occurrences, now)
}
