// Package workbench is what people use who tune the rules: it runs the
// production engine over events from files and shows what would have happened.
// It must never evaluate a rule by itself, nor act on an alert.
package workbench
