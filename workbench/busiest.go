package workbench

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/rules/expression"
)

// maxBusiest bounds the groups whose alerts are counted exactly, for each rule.
const maxBusiest = 4096

// busiest counts alerts by group, and knows the groups that have the most. When
// there are too many groups, those with the fewest alerts so far are forgotten, and
// one that comes again is counted anew: a group with many stays.
type busiest struct {
	groups    map[string]*busy // by all fields of the group
	forgotten bool
}

// busy is a group, and how many alerts it has.
type busy struct {
	shown  string
	alerts int
}

func (b *busiest) add(g holdfast.Group) {
	if b.groups == nil {
		b.groups = make(map[string]*busy)
	}
	key := groupKey(g)
	of := b.groups[key]
	if of == nil {
		of = &busy{shown: groupText(g)}
		b.groups[key] = of
	}
	of.alerts++
	if len(b.groups) > maxBusiest {
		b.forgotten = true
		for _, key := range b.sorted()[maxBusiest/2:] {
			delete(b.groups, key)
		}
	}
}

// sorted are the keys of the groups, the busiest first.
func (b *busiest) sorted() []string {
	return slices.SortedFunc(maps.Keys(b.groups), func(x, y string) int {
		return cmp.Or(cmp.Compare(b.groups[y].alerts, b.groups[x].alerts), cmp.Compare(x, y))
	})
}

// String names the groups that have several alerts, three of them at most; "" if
// there is none.
func (b *busiest) String() string {
	const most = 3
	var names []string
	for _, key := range b.sorted() {
		of := b.groups[key]
		if of.alerts == 1 || len(names) == most {
			break
		}
		count := number(of.alerts)
		if b.forgotten {
			count = "≥ " + count
		}
		names = append(names, of.shown+" ("+count+")")
	}
	return strings.Join(names, ", ")
}

// groupText is a group as a terminal may show it: of an account, its id alone.
func groupText(g holdfast.Group) string { return groupOf(g, visible) }

// groupName is a group in one text, as people may read it, control characters and
// all.
func groupName(g holdfast.Group) string { return groupOf(g, func(s string) string { return s }) }

func groupOf(g holdfast.Group, shown func(string) string) string {
	if len(g) == 0 {
		return "all"
	}
	parts := make([]string, len(g))
	for i, v := range g {
		parts[i] = v.Field + "=" + maskedValue(v, shown)
		if v.Field == "account" && len(g) == 1 {
			parts[i] = shown(v.Value)
		}
	}
	return strings.Join(parts, " ")
}

// maskedValue is what of a group's value is to be shown (see the package comment).
func maskedValue(v holdfast.GroupValue, shown func(string) string) string {
	text, less := expression.Mask(v.Field, v.Value)
	if text = shown(text); less && !strings.HasSuffix(text, "…") {
		text += "…"
	}
	return text
}
