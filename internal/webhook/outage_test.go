package webhook_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfastd/holdfast/internal/webhook"
)

// outage is one whose log can be read.
func outage() (*webhook.Outage, *strings.Builder) {
	var b strings.Builder
	handler := slog.NewTextHandler(&b, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}})
	return webhook.NewOutage(slog.New(handler), "SMS channel"), &b
}

const (
	begins = `level=WARN msg="SMS channel is interrupted, retrying" error=down` + "\n"
	again  = `level=INFO msg="SMS channel works again" after=`
)

func TestOutageIsLoggedAsItBeginsAndEnds(t *testing.T) {
	down := errors.New("down")
	for _, test := range []struct {
		name  string
		tries []error // a second apart
		want  string
	}{
		{"nothing fails", []error{nil, nil}, ""},
		{"many tries fail", []error{nil, down, down, down, down}, begins},
		{"many tries fail, then one works", []error{down, down, down, nil, nil}, begins + again + "3s\n"},
		{"every other try fails", []error{down, nil, down, nil, down, nil}, begins + again + "1s\n"},
	} {
		synctest.Test(t, func(t *testing.T) {
			o, log := outage()
			for _, err := range test.tries {
				o.Tried(t.Context(), err)
				<-time.After(time.Second)
			}
			if diff := cmp.Diff(test.want, log.String()); diff != "" {
				t.Errorf("%s (-want +got):\n%s", test.name, diff)
			}
		})
	}
}

func TestOutageSoonAfterAnotherIsLoggedOnceItLasts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, log := outage()
		down := errors.New("down")
		o.Tried(t.Context(), down)
		o.Tried(t.Context(), nil)
		for range 180 {
			<-time.After(time.Second)
			o.Tried(t.Context(), down)
		}
		o.Tried(t.Context(), nil)
		if diff := cmp.Diff(begins+again+"0s\n"+begins+again+"2m59s\n", log.String()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

func TestOurShutdownIsNoOutage(t *testing.T) {
	o, log := outage()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	o.Tried(ctx, ctx.Err())
	if log.String() != "" {
		t.Errorf("logged %s", log)
	}
}
