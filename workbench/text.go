package workbench

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/width"

	"github.com/holdfastd/holdfast"
)

// What events say is an attacker's text: it comes to a terminal only through
// visible.

// longestText bounds what is shown of a text of an event, in columns.
const longestText = 40

// visible is a text as a terminal may show it: what is not plainly visible is
// spelt as an escape, and what is too long is cut off.
func visible(text string) string {
	var b strings.Builder
	columns := 0
	for i, r := range text {
		shown := string(r)
		switch {
		case r == utf8.RuneError && !strings.HasPrefix(text[i:], shown):
			shown = fmt.Sprintf(`\x%02x`, text[i])
		case r == ' ', unicode.IsPrint(r):
		case r > 0xffff:
			shown = fmt.Sprintf(`\U%08x`, r)
		default:
			shown = fmt.Sprintf(`\u%04x`, r)
		}
		if columns += columnsOf(shown); columns >= longestText && i+utf8.RuneLen(r) < len(text) {
			return b.String() + "…"
		}
		b.WriteString(shown)
	}
	return b.String()
}

// columnsOf is how many columns of a terminal a text takes.
func columnsOf(text string) int {
	n := 0
	for _, r := range text {
		switch {
		case unicode.In(r, unicode.Mn, unicode.Me): // stands on the character before it
		case wide(r):
			n += 2
		default:
			n++
		}
	}
	return n
}

func wide(r rune) bool {
	kind := width.LookupRune(r).Kind()
	return kind == width.EastAsianWide || kind == width.EastAsianFullwidth
}

// columns is a table for a terminal.
type columns struct {
	heads []string // ">" before one says that the column holds numbers
	rows  [][]string
}

func (c *columns) add(cells ...string) { c.rows = append(c.rows, cells) }

// write writes the table, its columns aligned, numbers to the right. Heads that
// are all empty are left out.
func (c *columns) write(w *bytes.Buffer) {
	heads := make([]string, len(c.heads))
	widths := make([]int, len(c.heads))
	for i, head := range c.heads {
		heads[i] = strings.TrimPrefix(head, ">")
		widths[i] = columnsOf(heads[i])
	}
	for _, row := range c.rows {
		for i, cell := range row {
			widths[i] = max(widths[i], columnsOf(cell))
		}
	}
	rows := c.rows
	if strings.Join(heads, "") != "" {
		rows = append([][]string{heads}, rows...)
	}
	for _, row := range rows {
		var line strings.Builder
		for i, cell := range row {
			gap := strings.Repeat(" ", widths[i]-columnsOf(cell))
			if i > 0 {
				line.WriteString("  ")
			}
			if strings.HasPrefix(c.heads[i], ">") {
				line.WriteString(gap + cell)
			} else {
				line.WriteString(cell + gap)
			}
		}
		w.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
}

// number is a number with its thousands set apart.
func number[T int | int64](n T) string {
	digits := strconv.FormatInt(int64(n), 10)
	for i := len(digits) - 3; i > 0 && digits[i-1] != '-'; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// cell is a number in a table, where none is nothing to look at.
func cell[T int | int64](n T) string {
	if n == 0 {
		return "-"
	}
	return number(n)
}

// of is a number of things: "1 account", "3 accounts".
func of[T int | int64](n T, thing string) string {
	if n != 1 {
		thing += "s"
	}
	return number(n) + " " + thing
}

// share is a part of a whole in percent.
func share(part, whole int) string {
	percent := 100 * float64(part) / float64(whole)
	switch {
	case part == whole:
		return "100%"
	case percent >= 10:
		return fmt.Sprintf("%.0f%%", min(percent, 99))
	case percent >= 0.1:
		return fmt.Sprintf("%.1f%%", percent)
	}
	return fmt.Sprintf("%.1g%%", percent)
}

// seconds is an instant to the second, in UTC.
func seconds(i holdfast.Instant) string { return i.Std().Format("2006-01-02 15:04:05") }

// lasting is how long something lasts, roughly: "7 days", "5 hours".
func lasting(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d >= 2*day-time.Hour:
		return of(int64((d+day/2)/day), "day")
	case d >= 2*time.Hour:
		return of(int64(d.Round(time.Hour)/time.Hour), "hour")
	case d >= 2*time.Minute:
		return of(int64(d.Round(time.Minute)/time.Minute), "minute")
	}
	return of(int64(d.Round(time.Second)/time.Second), "second")
}

// write formats into memory, which does not fail.
func write(w io.Writer, format string, args ...any) { _, _ = fmt.Fprintf(w, format, args...) }
