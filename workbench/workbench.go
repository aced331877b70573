// Package workbench is what people use who tune the rules: it runs the
// production engine over events from files and shows what would have happened.
// It must never evaluate a rule by itself, nor act on an alert.
//
// What it shows to people names accounts, and beside them no more of a person
// than tuning takes:
//
//   - Of a phone number, the last four digits are left out, everywhere.
//   - An address is shown where a rule speaks of it: where it groups by
//     client.ip, or a condition reads it. Who tunes the rule needs it.
//   - What an attribute held, which may be a code or a token, is shown where it
//     equals a constant of the condition that reads it, or is empty; and where a
//     rule groups by it, for it is the group's name then.
//
// What is written for programs to compare, the alerts of [JSONReporter], has the
// groups as they are.
package workbench
