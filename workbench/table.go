package workbench

import (
	"bytes"
	"time"
)

// Table is a table for a terminal, as all reports have it. What events say is
// only to be put into it by whoever has made it visible.
type Table struct{ columns columns }

// NewTable begins a table. ">" before a head says that the column holds numbers,
// which stand to the right.
func NewTable(heads ...string) *Table { return &Table{columns{heads: heads}} }

// Add adds a row, of no more cells than there are heads.
func (t *Table) Add(cells ...string) { t.columns.add(cells...) }

// Write writes the table with its columns aligned.
func (t *Table) Write(w *bytes.Buffer) { t.columns.write(w) }

// Number is a number with its thousands set apart: "1,234".
func Number[T int | int64](n T) string { return number(n) }

// Of is a number of things: "1 account", "3 accounts".
func Of[T int | int64](n T, thing string) string { return of(n, thing) }

// Lasting is how long something lasts, roughly: "7 days", "5 hours".
func Lasting(d time.Duration) string { return lasting(d) }
