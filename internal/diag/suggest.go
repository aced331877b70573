package diag

import (
	"fmt"
	"strings"
)

// Suggest returns a hint naming the known word that is nearest to what was
// written, such as "did you mean `threshold`?", or "" where none is near.
func Suggest(written string, known []string) string {
	near := Nearest(written, known)
	if near == "" {
		return ""
	}
	return fmt.Sprintf("did you mean `%s`?", near)
}

// Nearest returns the known word that is nearest to what was written, or "" where
// none is near.
func Nearest(written string, known []string) string {
	if len(written) > longestWord {
		return ""
	}
	best, distance := "", max(1, len(written)/3)+1
	for _, k := range known {
		if d := editDistance(strings.ToLower(written), strings.ToLower(k)); d < distance {
			best, distance = k, d
		}
	}
	return best
}

// longestWord bounds what a suggestion is looked for, in bytes, so that a hostile
// file can't buy time with a long name.
const longestWord = 64

// editDistance is the optimal string alignment distance: insertions, deletions,
// substitutions and swaps of neighbors.
func editDistance(a, b string) int {
	prev2, prev, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(prev[j]+1, row[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], prev2[j-2]+1)
			}
		}
		prev2, prev, row = prev, row, prev2
	}
	return prev[len(b)]
}
