package detector

import "github.com/holdfastd/holdfast"

// Output collects what a batch of events causes. The zero value is ready; reuse
// it with Reset.
type Output struct {
	Alerts []holdfast.Alert
	// Occurrences are the latest counts of the suppressed alerts that were fed,
	// each alert once.
	Occurrences []holdfast.Occurrences
	index       map[alertHash]int // place in Occurrences
}

// Reset empties the output, keeping its memory.
func (o *Output) Reset() {
	clear(o.Alerts)
	o.Alerts, o.Occurrences = o.Alerts[:0], o.Occurrences[:0]
	clear(o.index)
}

func (o *Output) occurred(rule string, hash alertHash, count int64, last holdfast.Position) {
	if i, ok := o.index[hash]; ok {
		o.Occurrences[i].Count, o.Occurrences[i].Last = count, last
		return
	}
	if o.index == nil {
		o.index = make(map[alertHash]int)
	}
	o.index[hash] = len(o.Occurrences)
	o.Occurrences = append(o.Occurrences, holdfast.Occurrences{Alert: alertID(rule, hash), Count: count, Last: last})
}
