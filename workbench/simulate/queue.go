package simulate

import "github.com/holdfastd/holdfast"

// queue is a heap of what is to come, the earliest first. It is written out,
// as container/heap would put each item into an interface.
type queue []due

// due is something that is to come. Of two at the same time, the one with the
// lower order comes first.
type due struct {
	at    holdfast.Instant
	order uint64
	index uint32 // of what it is, in its owner's list
}

func (a due) before(b due) bool { return a.at < b.at || a.at == b.at && a.order < b.order }

func (q *queue) push(item due) {
	*q = append(*q, item)
	heap := *q
	i := len(heap) - 1
	for i > 0 {
		parent := (i - 1) / 2
		if !item.before(heap[parent]) {
			break
		}
		heap[i] = heap[parent]
		i = parent
	}
	heap[i] = item
}

func (q *queue) pop() due {
	heap := *q
	first, last := heap[0], heap[len(heap)-1]
	heap = heap[:len(heap)-1]
	*q = heap
	if len(heap) > 0 {
		heap.sink(last)
	}
	return first
}

// replaceFirst is a pop and a push in one.
func (q queue) replaceFirst(item due) { q.sink(item) }

// sink puts an item in the first one's place and restores the order.
func (q queue) sink(item due) {
	i := 0
	for {
		child := 2*i + 1
		if child >= len(q) {
			break
		}
		if right := child + 1; right < len(q) && q[right].before(q[child]) {
			child = right
		}
		if !q[child].before(item) {
			break
		}
		q[i] = q[child]
		i = child
	}
	q[i] = item
}

// never is later than everything.
const never = holdfast.Instant(1<<63 - 1)

func (q queue) next() holdfast.Instant {
	if len(q) == 0 {
		return never
	}
	return q[0].at
}
