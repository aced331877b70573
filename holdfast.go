// Package holdfast is the vocabulary of the account-takeover daemon: the
// [Event] it reads, the [Alert] it raises, the [Action] that follows and the
// [Job] and [Outcome] of carrying it out.
//
// It is pure data over the standard library. It must never do I/O, read a
// clock, or import another package of this module: every other package speaks
// in its terms.
package holdfast
