package rules

import (
	"fmt"
	"slices"
	"strings"

	"github.com/holdfastd/holdfast/internal/diag"
)

// How much is said of rules that build on each other.
const (
	maxCircles = 10 // of rules that are all bound up with each other
	maxLinks   = 8  // rules of a circle that are named
)

// circles reports the rules that build on each other in a circle: the shortest
// circle through each, unless it is on one that has been told. It takes time that
// grows with the rules and the names in them, and not with the pairs of rules.
func (c *setCheck) circles() {
	for _, bound := range c.bound() {
		within := make(map[int]bool, len(bound))
		for _, r := range bound {
			within[r] = true
		}
		told, circles := map[int]bool{}, 0
		for _, r := range bound {
			if told[r] {
				continue
			}
			if circles == maxCircles {
				rule, message := c.known[r], "rule `"+shown(c.known[r].ID)+"` builds on others in a circle too"
				if n := len(bound) - len(told); n > 1 {
					message = fmt.Sprintf("rule `%s` and %d more build on each other in circles too", shown(rule.ID), n-1)
				}
				*c.found = append(*c.found, diag.Diagnostic{File: rule.File, Pos: rule.Pos, Code: codeAlerts, Message: message})
				break
			}
			circles++
			circle := c.shortest(r, bound, within)
			for _, link := range circle {
				told[link] = true
			}
			c.tell(circle)
		}
	}
}

// tell reports a circle at the rule that closes it, where it names the first one.
func (c *setCheck) tell(circle []int) {
	first, last := c.known[circle[0]], c.known[circle[len(circle)-1]]
	name := func(r *Rule) string { return "`" + shown(r.ID) + "`" }
	var links strings.Builder
	for i, link := range circle[1:min(len(circle), maxLinks)] {
		if i > 0 {
			links.WriteString(", which")
		}
		links.WriteString(" builds on " + name(c.known[link]))
	}
	if left := len(circle) - maxLinks; left > 0 {
		fmt.Fprintf(&links, ", and so on by way of %d more, back to %s", left, name(first))
	} else {
		links.WriteString(", which builds on " + name(first))
	}
	pos, hint := last.Pos, `name the rules it builds on by rule in ["…"]`
	if at, named := last.mention(first.ID); named {
		pos, hint = at, "leave out one of these"
	}
	*c.found = append(*c.found, diag.Diagnostic{
		File: last.File, Pos: pos, Code: codeAlerts, Hint: hint,
		Message: "rules build on each other in a circle: " + name(first) + links.String(),
	})
}

// shortest returns a shortest circle through a rule, of rules that are bound up
// with each other: each builds on the next, and the last on the rule itself.
func (c *setCheck) shortest(start int, bound []int, within map[int]bool) []int {
	before := map[int]int{start: start}
	reach := func(from int, sources []int, queue []int) []int {
		for _, s := range sources {
			if _, reached := before[s]; !reached && within[s] {
				before[s] = from
				queue = append(queue, s)
			}
		}
		return queue
	}
	all := false // have been reached
	queue := []int{start}
	for len(queue) > 0 {
		r := queue[0]
		queue = queue[1:]
		s := c.sources[r]
		if r != start && (s.others || slices.Contains(s.named, start)) {
			circle := []int{r}
			for r != start {
				r = before[r]
				circle = append(circle, r)
			}
			slices.Reverse(circle)
			return circle
		}
		if s.others && !all {
			all = true
			queue = reach(r, bound, queue)
		}
		queue = reach(r, s.named, queue)
	}
	return []int{start} // never: rules that are bound up are on a circle
}

// bound returns the sets of two or more rules of which each builds on every
// other, be it by way of others, in the order of their first rules: the strongly
// connected components, by R. Tarjan, "Depth-first search and linear graph
// algorithms" (1972). What builds on all others is an edge to a node of its own,
// which has an edge to every rule, so that there are not as many edges as pairs.
func (c *setCheck) bound() [][]int {
	hub := len(c.known)
	order, low := make([]int, hub+1), make([]int, hub+1) // from 1; 0 is not seen
	open := make([]bool, hub+1)
	var stack []int
	var sets [][]int
	seen := 0
	var visit func(node int)
	edge := func(from, to int) {
		switch {
		case order[to] == 0:
			visit(to)
			low[from] = min(low[from], low[to])
		case open[to]:
			low[from] = min(low[from], order[to])
		}
	}
	visit = func(node int) {
		seen++
		order[node], low[node], open[node] = seen, seen, true
		stack = append(stack, node)
		switch {
		case node == hub:
			for r := range c.known {
				edge(hub, r)
			}
		case c.sources[node].others:
			edge(node, hub)
		default:
			for _, source := range c.sources[node].named {
				edge(node, source)
			}
		}
		if low[node] < order[node] {
			return
		}
		var set []int
		for open[node] {
			r := stack[len(stack)-1]
			stack = stack[:len(stack)-1]
			open[r] = false
			if r != hub {
				set = append(set, r)
			}
		}
		if len(set) > 1 {
			slices.Sort(set)
			sets = append(sets, set)
		}
	}
	for r := range c.known {
		if order[r] == 0 {
			visit(r)
		}
	}
	slices.SortFunc(sets, func(a, b []int) int { return a[0] - b[0] })
	return sets
}
