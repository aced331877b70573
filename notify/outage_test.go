package notify

import (
	"errors"
	"strings"
	"testing"

	"github.com/holdfastd/holdfast"
)

// loud counts the lines of a log that an operator reads.
func loud(log string) int {
	return strings.Count(log, `"level":"WARN"`) + strings.Count(log, `"level":"ERROR"`)
}

func TestOutageIsSaidOnceHoweverManyTriesFail(t *testing.T) {
	errDown := errors.New("down")
	down := &countingDirectory{answer: func(string) (Contact, error) { return Contact{}, errDown }}
	uncounted := countingHistory{err: errDown}
	for _, test := range []struct {
		name    string
		channel holdfast.Channel
		change  func(*Options)
		fails   func(*bench)
		want    string
	}{
		{"app", holdfast.InApp, nil, func(b *bench) { b.inApp.err = errDown }, "In-app channel is interrupted"},
		{"SMS", holdfast.SMS, nil, func(b *bench) { b.sms.err = errDown }, "SMS channel is interrupted"},
		{"directory", holdfast.SMS, func(o *Options) { o.Directory = down }, nil, "Directory of contacts is interrupted"},
		{"history", holdfast.SMS, func(o *Options) { o.History = uncounted }, nil, "Count of an owner's messages is interrupted"},
	} {
		b := newBench(t, test.change)
		if test.fails != nil {
			test.fails(b)
		}
		for range 20 {
			_, _ = b.Work(t.Context(), job(takeover(), test.channel))
		}
		if n := loud(b.logged.String()); n != 1 || !strings.Contains(b.logged.String(), test.want) {
			t.Errorf("%s: %d lines: %s", test.name, n, b.logged)
		}
		b.inApp.err, b.sms.err = nil, nil
		for range 2 {
			_, _ = b.Work(t.Context(), job(takeover(), test.channel))
		}
		want := 0
		if test.fails != nil {
			want = 1
		}
		if n := strings.Count(b.logged.String(), "channel works again"); n != want {
			t.Errorf("%s: %d lines say that it works again: %s", test.name, n, b.logged)
		}
	}
}

func TestMessageThatNobodyTakesIsNoOutage(t *testing.T) {
	b := newBench(t, nil)
	b.sms.err = &Undeliverable{Reason: Unsubscribed}
	_, _ = b.Work(t.Context(), job(takeover(), holdfast.SMS))
	b = newBench(t, func(o *Options) { o.Directory = fixedDirectory{} })
	_, _ = b.Work(t.Context(), job(takeover(), holdfast.SMS))
	if strings.Contains(b.logged.String(), "interrupted") {
		t.Errorf("logged %s", b.logged)
	}
}
