package workbench

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/holdfastd/holdfast"
)

// maxBusiest bounds the groups whose alerts are counted exactly, for each rule.
const maxBusiest = 4096

// busiest counts alerts by group, and knows the groups that have the most. When
// there are too many groups, those with the fewest alerts so far are forgotten, and
// one that comes again is counted anew: a group with many stays.
type busiest struct {
	groups    map[string]int // by what is shown of the group
	forgotten bool
}

func (b *busiest) add(g holdfast.Group) {
	if b.groups == nil {
		b.groups = make(map[string]int)
	}
	b.groups[groupText(g)]++
	if len(b.groups) > maxBusiest {
		b.forgotten = true
		for _, name := range b.sorted()[maxBusiest/2:] {
			delete(b.groups, name)
		}
	}
}

// sorted are the groups, the busiest first.
func (b *busiest) sorted() []string {
	return slices.SortedFunc(maps.Keys(b.groups), func(x, y string) int {
		return cmp.Or(cmp.Compare(b.groups[y], b.groups[x]), cmp.Compare(x, y))
	})
}

// String names the groups that have several alerts, three of them at most; "" if
// there is none.
func (b *busiest) String() string {
	const most = 3
	var names []string
	for _, name := range b.sorted() {
		n := b.groups[name]
		if n == 1 || len(names) == most {
			break
		}
		count := number(n)
		if b.forgotten {
			count = "≥ " + count
		}
		names = append(names, name+" ("+count+")")
	}
	return strings.Join(names, ", ")
}

// groupText is a group as a terminal may show it: of an account, its id alone.
func groupText(g holdfast.Group) string { return groupOf(g, visible) }

// groupName is a group in one text, as it is.
func groupName(g holdfast.Group) string { return groupOf(g, func(s string) string { return s }) }

func groupOf(g holdfast.Group, shown func(string) string) string {
	if len(g) == 0 {
		return "all"
	}
	parts := make([]string, len(g))
	for i, v := range g {
		parts[i] = v.Field + "=" + shown(v.Value)
		if v.Field == "account" && len(g) == 1 {
			parts[i] = shown(v.Value)
		}
	}
	return strings.Join(parts, " ")
}
