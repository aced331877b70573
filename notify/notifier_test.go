package notify

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"golang.org/x/text/language"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/internal/webhook"
	"github.com/holdfastd/holdfast/notify/twiliotest"
)

// scriptedChannel ends every delivery as it is told and keeps what it got.
type scriptedChannel struct {
	err error
	got []Delivery
}

func (c *scriptedChannel) Deliver(_ context.Context, d Delivery) (string, error) {
	c.got = append(c.got, d)
	if c.err != nil {
		return "", c.err
	}
	return "ref-1", nil
}

// countingHistory is a history of one owner.
type countingHistory struct {
	had func(channel holdfast.Channel, level holdfast.Level, since time.Time) int
	err error
}

func (h countingHistory) Delivered(
	_ context.Context, _ string, channel holdfast.Channel, level holdfast.Level, since time.Time,
) (int, error) {
	if h.err != nil {
		return 0, h.err
	}
	return h.had(channel, level, since), nil
}

// bench is a notifier with all around it.
type bench struct {
	*Notifier
	inApp, sms scriptedChannel
	registry   *prometheus.Registry
	logged     *bytes.Buffer
}

func newBench(t *testing.T, change func(*Options)) *bench {
	t.Helper()
	logger, logged := logbook()
	b := &bench{registry: prometheus.NewRegistry(), logged: logged}
	opts := Options{
		Directory: fixedDirectory{"u_1842": {
			Account: "u_1842", Locale: language.German, Phone: mustPhone(t, ownersNumber),
		}},
		Templates:  mustTemplates(t),
		InApp:      &b.inApp,
		SMS:        &b.sms,
		Now:        clock,
		Logger:     logger,
		Registerer: b.registry,
	}
	if change != nil {
		change(&opts)
	}
	n, err := New(opts)
	if err != nil {
		t.Fatal(err)
	}
	b.Notifier = n
	return b
}

// job is the alert's action by a channel, beside a termination.
func job(alert holdfast.Alert, channel holdfast.Channel) holdfast.Job {
	for i, action := range Plan(alert, true) {
		if action.Channel == channel {
			return holdfast.Job{Alert: alert, Action: action, Ordinal: i, Attempt: 1, Stored: noon.Add(-time.Minute)}
		}
	}
	return holdfast.Job{}
}

func (b *bench) metric(channel, outcome string) float64 {
	return testutil.ToFloat64(b.deliveries.WithLabelValues(channel, outcome))
}

func TestMessageGoesOutByTheJobsChannel(t *testing.T) {
	b := newBench(t, nil)
	for _, channel := range []holdfast.Channel{holdfast.InApp, holdfast.SMS} {
		outcome, err := b.Work(t.Context(), job(takeover(), channel))
		want := holdfast.Outcome{State: holdfast.Done, Reference: "ref-1"}
		if diff := cmp.Diff(want, outcome); err != nil || diff != "" {
			t.Errorf("%s: %v\n%s", channel, err, diff)
		}
		if got := b.metric(string(channel), delivered); got != 1 {
			t.Errorf("%s: %v delivered", channel, got)
		}
	}
	text, _ := mustTemplates(t).Render(
		holdfast.Action{Template: "takeover", Ending: true}, takeover(), Contact{Locale: language.German})
	message := holdfast.Message{
		Alert: "takeover-1f", Account: "u_1842", Channel: holdfast.InApp, Level: holdfast.Critical,
		Locale: "de", Title: text.Title, Body: text.Body, Created: noon,
	}
	inApp, sms := b.inApp.got[0], b.sms.got[0]
	if diff := cmp.Diff(message, inApp.Message); diff != "" || inApp.ID != "takeover-1f-0" || !inApp.To.IsZero() {
		t.Errorf("in-app is %+v\n%s", inApp, diff)
	}
	message.Channel, message.Title, message.Body = holdfast.SMS, "", text.SMS
	if diff := cmp.Diff(message, sms.Message); diff != "" || sms.ID != "takeover-1f-1" || sms.To.Number() != ownersNumber {
		t.Errorf("SMS is %+v\n%s", sms, diff)
	}
}

func TestMetricsStartAtZero(t *testing.T) {
	b := newBench(t, nil)
	if n := testutil.CollectAndCount(b.deliveries, "holdfast_deliveries_total"); n != 8 {
		t.Errorf("%d series", n)
	}
	if problems, err := testutil.GatherAndLint(b.registry); err != nil || len(problems) > 0 {
		t.Errorf("%v, %v", problems, err)
	}
}

func TestHowAMessageFails(t *testing.T) {
	errDown := errors.New("down")
	sms := []holdfast.Action{{Kind: holdfast.NotifyOwner, Channel: holdfast.SMS, Template: "takeover", Ending: true}}
	medium := with(takeover(), func(a *holdfast.Alert) { a.Level = holdfast.Medium })
	for _, test := range []struct {
		name  string
		job   holdfast.Job
		err   error
		final bool
		want  holdfast.Outcome // the zero Outcome: another try
	}{
		{"down", job(medium, holdfast.InApp), errDown, false, holdfast.Outcome{}},
		{"app is being deployed", job(medium, holdfast.InApp), &webhook.Error{Reason: webhook.EndpointNotFound}, false, holdfast.Outcome{}},
		{
			"app does not exist", job(takeover(), holdfast.InApp), &webhook.Error{Reason: webhook.EndpointNotFound}, true,
			holdfast.Outcome{State: holdfast.Failed, Reason: EndpointNotFound},
		},
		{
			"down for good", job(medium, holdfast.InApp), errDown, true,
			holdfast.Outcome{State: holdfast.Failed, Reason: Unavailable, Then: sms},
		},
		{
			"app is gone, no SMS is planned", job(medium, holdfast.InApp), &Undeliverable{Reason: Gone}, false,
			holdfast.Outcome{State: holdfast.Failed, Reason: Gone, Then: sms},
		},
		{
			"app is gone, an SMS is planned", job(takeover(), holdfast.InApp), &Undeliverable{Reason: Gone}, false,
			holdfast.Outcome{State: holdfast.Failed, Reason: Gone},
		},
		{
			"unsubscribed", job(takeover(), holdfast.SMS), &Undeliverable{Reason: Unsubscribed}, false,
			holdfast.Outcome{State: holdfast.Failed, Reason: Unsubscribed},
		},
		{"credentials", job(takeover(), holdfast.SMS), errUnauthorized, false, holdfast.Outcome{}},
		{
			"credentials for good", job(takeover(), holdfast.SMS), errUnauthorized, true,
			holdfast.Outcome{State: holdfast.Failed, Reason: Unauthorized},
		},
		{"unclear", job(takeover(), holdfast.SMS), ambiguous{errDown}, false, holdfast.Outcome{}},
		{
			"unclear for good", job(takeover(), holdfast.SMS),
			ambiguous{errDown},
			true,
			holdfast.Outcome{State: holdfast.Failed, Reason: Unconfirmed},
		},
	} {
		b := newBench(t, nil)
		b.inApp.err, b.sms.err = test.err, test.err
		test.job.Final = test.final
		outcome, err := b.Work(t.Context(), test.job)
		if diff := cmp.Diff(test.want, outcome); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
		label := string(holdfast.Failed)
		if test.want.State == "" {
			label = retried
			if !errors.Is(err, test.err) || isAmbiguous(err) != isAmbiguous(test.err) {
				t.Errorf("%s: got %v", test.name, err)
			}
		} else if err != nil {
			t.Errorf("%s: got %v", test.name, err)
		}
		if got := b.metric(string(test.job.Action.Channel), label); got != 1 {
			t.Errorf("%s: %v %s", test.name, got, label)
		}
	}
}

func TestWhoIsNotWrittenTo(t *testing.T) {
	number := mustPhone(t, ownersNumber)
	had := func(n int) countingHistory {
		return countingHistory{had: func(holdfast.Channel, holdfast.Level, time.Time) int { return n }}
	}
	for _, test := range []struct {
		name    string
		channel holdfast.Channel
		change  func(*Options)
		want    holdfast.Outcome
	}{
		{
			"unknown account", holdfast.SMS, func(o *Options) { o.Directory = fixedDirectory{} },
			holdfast.Outcome{State: holdfast.Failed, Reason: NoContact},
		},
		{
			"no phone", holdfast.SMS, func(o *Options) { o.Directory = fixedDirectory{"u_1842": {}} },
			holdfast.Outcome{State: holdfast.Skipped, Reason: NoPhone},
		},
		{"phone too new", holdfast.SMS, func(o *Options) {
			o.Directory = fixedDirectory{"u_1842": {Phone: number, PhoneSince: noon.Add(-time.Hour)}}
		}, holdfast.Outcome{State: holdfast.Skipped, Reason: PhoneTooNew}},
		{
			"no SMS channel", holdfast.SMS, func(o *Options) { o.SMS = nil },
			holdfast.Outcome{State: holdfast.Skipped, Reason: NoChannel},
		},
		{
			"enough for today", holdfast.SMS, func(o *Options) { o.History = had(10) },
			holdfast.Outcome{State: holdfast.Skipped, Reason: DailyLimit},
		},
		{
			"enough of one", holdfast.InApp, func(o *Options) { o.History, o.MaxPerDay = had(1), 1 },
			holdfast.Outcome{State: holdfast.Skipped, Reason: DailyLimit},
		},
	} {
		b := newBench(t, test.change)
		outcome, err := b.Work(t.Context(), job(takeover(), test.channel))
		if diff := cmp.Diff(test.want, outcome); err != nil || diff != "" {
			t.Errorf("%s: %v (-want +got):\n%s", test.name, err, diff)
		}
		if len(b.inApp.got)+len(b.sms.got) > 0 {
			t.Errorf("%s: a message went out", test.name)
		}
		if got := b.metric(string(test.channel), string(test.want.State)); got != 1 {
			t.Errorf("%s: %v %s", test.name, got, test.want.State)
		}
	}
}

// The app knows its own users: that the directory does not is no reason to leave
// an owner unwarned.
func TestAnAccountTheDirectoryDoesNotKnowIsWarnedInTheApp(t *testing.T) {
	b := newBench(t, func(o *Options) { o.Directory = fixedDirectory{} })
	outcome, err := b.Work(t.Context(), job(takeover(), holdfast.InApp))
	if err != nil || outcome.State != holdfast.Done {
		t.Fatalf("got %+v, %v", outcome, err)
	}
	if m := b.inApp.got[0].Message; m.Account != "u_1842" || m.Locale != "en" {
		t.Errorf("message is %+v", m)
	}
}

func TestAppFailureWithoutSMSIsTheEnd(t *testing.T) {
	b := newBench(t, func(o *Options) { o.SMS = nil })
	b.inApp.err = &Undeliverable{Reason: Gone}
	medium := with(takeover(), func(a *holdfast.Alert) { a.Level = holdfast.Medium })
	if outcome, err := b.Work(t.Context(), job(medium, holdfast.InApp)); err != nil || outcome.Then != nil {
		t.Errorf("got %+v, %v", outcome, err)
	}
}

func TestPreviousNumberIsToldOfTheNewOne(t *testing.T) {
	b := newBench(t, func(o *Options) {
		o.Directory = fixedDirectory{"u_1842": {
			Phone: mustPhone(t, "+15550111"), PhoneSince: noon.Add(-time.Hour), PreviousPhone: mustPhone(t, ownersNumber),
		}}
	})
	if _, err := b.Work(t.Context(), job(takeover(), holdfast.SMS)); err != nil || b.sms.got[0].To.Number() != ownersNumber {
		t.Errorf("got %v, %+v", err, b.sms.got)
	}
}

func TestLesserAlertsCannotUseUpTheLimitOfAGraveOne(t *testing.T) {
	// The owner was sent ten messages of medium alerts within the day.
	history := countingHistory{had: func(channel holdfast.Channel, level holdfast.Level, since time.Time) int {
		if channel == holdfast.InApp && level <= holdfast.Medium && since.Equal(noon.Add(-24*time.Hour)) {
			return 10
		}
		return 0
	}}
	for level, want := range map[holdfast.Level]holdfast.State{
		holdfast.Low: holdfast.Skipped, holdfast.Medium: holdfast.Skipped,
		holdfast.High: holdfast.Done, holdfast.Critical: holdfast.Done,
	} {
		b := newBench(t, func(o *Options) { o.History = history })
		alert := with(takeover(), func(a *holdfast.Alert) { a.Level = level })
		if outcome, err := b.Work(t.Context(), job(alert, holdfast.InApp)); err != nil || outcome.State != want {
			t.Errorf("%s: got %+v, %v", level, outcome, err)
		}
	}
}

func TestMessageGoesOutWhereNobodyCanCount(t *testing.T) {
	b := newBench(t, func(o *Options) { o.History = countingHistory{err: errors.New("down")} })
	if outcome, err := b.Work(t.Context(), job(takeover(), holdfast.SMS)); err != nil || outcome.State != holdfast.Done {
		t.Errorf("got %+v, %v", outcome, err)
	}
}

func TestTryAfterAnUnclearOneStaysUnclear(t *testing.T) {
	errDown := errors.New("down")
	b := newBench(t, func(o *Options) {
		o.Directory = &countingDirectory{answer: func(string) (Contact, error) { return Contact{}, errDown }}
	})
	again := job(takeover(), holdfast.SMS)
	again.Attempt, again.Ambiguous = 2, noon
	if _, err := b.Work(t.Context(), again); !isAmbiguous(err) || !errors.Is(err, errDown) {
		t.Errorf("got %v", err)
	}
}

func TestEarlierTryIsLookedForSinceTheAlertWasStored(t *testing.T) {
	stored, unclear := noon.Add(-time.Minute), noon.Add(-time.Second)
	for _, test := range []struct {
		stored, ambiguous time.Time
		repeat            bool
		since             time.Time
	}{
		{stored, time.Time{}, false, stored},
		{stored, unclear, true, stored}, // there may have been a try before the unclear one
		{time.Time{}, unclear, true, unclear},
	} {
		b := newBench(t, nil)
		j := job(takeover(), holdfast.SMS)
		j.Stored, j.Ambiguous = test.stored, test.ambiguous
		if _, err := b.Work(t.Context(), j); err != nil {
			t.Fatal(err)
		}
		if d := b.sms.got[0]; d.Repeat != test.repeat || !d.Since.Equal(test.since) {
			t.Errorf("%+v: got %v since %v", test, d.Repeat, d.Since)
		}
	}
}

func TestJobsOfOthersAreRefused(t *testing.T) {
	b := newBench(t, nil)
	for _, action := range []holdfast.Action{
		{Kind: holdfast.TerminateSessions, Scope: "suspects"},
		{Kind: holdfast.NotifyOwner, Channel: "pigeon"},
		{},
	} {
		if _, err := b.Work(t.Context(), holdfast.Job{Alert: takeover(), Action: action}); err == nil {
			t.Errorf("%+v: no error", action)
		}
	}
}

func TestLogsTellNobodyApart(t *testing.T) {
	b := newBench(t, nil)
	for _, b.inApp.err = range []error{nil, &Undeliverable{Reason: Gone}, errors.New("down")} {
		_, _ = b.Work(t.Context(), job(takeover(), holdfast.InApp))
	}
	_, _ = b.Work(t.Context(), job(takeover(), holdfast.SMS))
	for _, word := range []string{"u_1842", "5550100", "s_evil", "d_evil", "s_mine", "Konto"} {
		if strings.Contains(b.logged.String(), word) {
			t.Errorf("logs tell %q: %s", word, b.logged)
		}
	}
	if strings.Count(b.logged.String(), "takeover-1f") < 4 {
		t.Errorf("logs don't tell the alert: %s", b.logged)
	}
}

func TestOneSMSOverAnUnclearEnd(t *testing.T) {
	api, channel := twilioAPI(t, nil)
	b := newBench(t, func(o *Options) { o.SMS = channel })
	api.Fail(twiliotest.Failure{Silent: true, Created: true})

	first := job(takeover(), holdfast.SMS)
	_, err := b.Work(t.Context(), first)
	if !isAmbiguous(err) {
		t.Fatalf("got %v", err)
	}
	second := first
	second.Attempt, second.Ambiguous = 2, noon
	outcome, err := b.Work(t.Context(), second)
	if messages := api.Messages(); err != nil || outcome.State != holdfast.Done || len(messages) != 1 || messages[0].SID != outcome.Reference {
		t.Errorf("got %+v, %v, %+v", outcome, err, messages)
	}
}

func TestNotifierThatLacksAPart(t *testing.T) {
	good := Options{Directory: fixedDirectory{}, Templates: mustTemplates(t), InApp: &scriptedChannel{}}
	for name, change := range map[string]func(*Options){
		"directory": func(o *Options) { o.Directory = nil },
		"templates": func(o *Options) { o.Templates = nil },
		"in-app":    func(o *Options) { o.InApp = nil },
		"limit":     func(o *Options) { o.MaxPerDay = -1 },
	} {
		opts := good
		change(&opts)
		if _, err := New(opts); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if _, err := New(good); err != nil {
		t.Error(err)
	}
}
