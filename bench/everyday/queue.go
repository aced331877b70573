package everyday

import "container/heap"

// queue holds the steps that are to come, the next to arrive first.
type queue []step

func (q *queue) push(s step) { heap.Push((*byArrival)(q), s) }

func (q *queue) pop() step { return heap.Pop((*byArrival)(q)).(step) }

type byArrival []step

func (q byArrival) Len() int { return len(q) }

func (q byArrival) Less(i, j int) bool {
	if q[i].arrives != q[j].arrives {
		return q[i].arrives < q[j].arrives
	}
	return q[i].order < q[j].order
}

func (q byArrival) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *byArrival) Push(x any)   { *q = append(*q, x.(step)) }

func (q *byArrival) Pop() any {
	last := len(*q) - 1
	s := (*q)[last]
	*q = (*q)[:last]
	return s
}
