package notify

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/notify/twiliotest"
)

const (
	twilioAccount = "AC0123456789abcdef0123456789abcdef"
	twilioKey     = "SK0123456789abcdef0123456789abcdef"
	twilioSecret  = "twilio-secret"
	ownersNumber  = "+4915550100123"
)

// twilioAPI is a Twilio of the test's own and a channel to it.
func twilioAPI(t *testing.T, change func(*TwilioOptions)) (*twiliotest.Server, *Twilio) {
	t.Helper()
	api := twiliotest.New(twiliotest.Credentials{AccountSID: twilioAccount, KeySID: twilioKey, Secret: twilioSecret})
	api.SetClock(clock)
	server := httptest.NewServer(api)
	t.Cleanup(server.Close)
	opts := TwilioOptions{
		AccountSID:          twilioAccount,
		KeySID:              twilioKey,
		Secret:              twilioSecret,
		MessagingServiceSID: "MG1",
		BaseURL:             server.URL,
		Client:              server.Client(),
	}
	if change != nil {
		change(&opts)
	}
	channel, err := NewTwilio(opts)
	if err != nil {
		t.Fatal(err)
	}
	return api, channel
}

func smsDelivery(t *testing.T) Delivery {
	t.Helper()
	return Delivery{
		ID:      "takeover-1f-1",
		Alert:   takeover(),
		Message: holdfast.Message{Body: "Chatter: New device (Nigeria) <&>+%ü"},
		To:      mustPhone(t, ownersNumber),
	}
}

// repeated is a delivery that an earlier try may have made.
func repeated(t *testing.T) Delivery {
	d := smsDelivery(t)
	d.Repeat, d.Since = true, noon
	return d
}

func TestTwilioCreatesTheMessage(t *testing.T) {
	for _, test := range []struct {
		change        func(*TwilioOptions)
		service, from string
	}{
		{nil, "MG1", ""},
		{func(o *TwilioOptions) { o.MessagingServiceSID, o.From = "", "+15550177" }, "", "+15550177"},
		{func(o *TwilioOptions) { o.From = "+15550177" }, "MG1", "+15550177"},
	} {
		api, channel := twilioAPI(t, test.change)
		sid, err := channel.Deliver(t.Context(), smsDelivery(t))
		messages := api.Messages()
		if err != nil || len(messages) != 1 || messages[0].SID != sid {
			t.Fatalf("got %q, %v, %+v", sid, err, messages)
		}
		m := messages[0]
		if m.To != ownersNumber || m.Body != smsDelivery(t).Message.Body || m.MessagingServiceSID != test.service || m.From != test.from {
			t.Errorf("got %+v", m)
		}
		if api.Requests() != 1 {
			t.Errorf("%d requests", api.Requests())
		}
	}
}

func TestTwilioIgnoresTheEnvironment(t *testing.T) {
	t.Setenv("TWILIO_EDGE", "sydney")
	t.Setenv("TWILIO_REGION", "au1")
	api, channel := twilioAPI(t, nil)
	if _, err := channel.Deliver(t.Context(), smsDelivery(t)); err != nil || len(api.Messages()) != 1 {
		t.Errorf("got %v", err)
	}
}

// What the end of a try means for the next.
const (
	permanent = "permanent"
	retry     = "retry"
	unclear   = "unclear" // retry, but look first
)

func fateOf(err error) string {
	if _, ok := errors.AsType[*Undeliverable](err); ok {
		return permanent
	}
	if isAmbiguous(err) {
		return unclear
	}
	return retry
}

func TestTwilioFailures(t *testing.T) {
	for _, test := range []struct {
		failure twiliotest.Failure
		fate    string
		reason  string
	}{
		{twiliotest.Failure{Status: 400, Code: 21211}, permanent, InvalidNumber},
		{twiliotest.Failure{Status: 400, Code: 21610}, permanent, Unsubscribed},
		{twiliotest.Failure{Status: 400, Code: 21614}, permanent, NotMobile},
		{twiliotest.Failure{Status: 400, Code: 21635}, permanent, Landline},
		{twiliotest.Failure{Status: 400, Code: 30005}, permanent, Unreachable},
		{twiliotest.Failure{Status: 400, Code: 30006}, permanent, Landline},
		{twiliotest.Failure{Status: 400, Code: 21408}, permanent, Rejected},
		{twiliotest.Failure{Status: 403, HTML: true}, permanent, Rejected},
		{twiliotest.Failure{Status: 302, HTML: true}, permanent, Rejected},
		{twiliotest.Failure{Status: 401, Code: 20003}, retry, Unauthorized},
		{twiliotest.Failure{Status: 403, Code: 20003}, retry, Unauthorized},
		{twiliotest.Failure{Status: 429, Code: 20429}, retry, Unavailable},
		{twiliotest.Failure{Status: 408, HTML: true}, retry, Unavailable},
		{twiliotest.Failure{Status: 500, Code: 20500}, unclear, Unconfirmed},
		{twiliotest.Failure{Status: 503, HTML: true}, unclear, Unconfirmed},
		{twiliotest.Failure{Status: 504, HTML: true, Created: true}, unclear, Unconfirmed},
		{twiliotest.Failure{Status: 201, HTML: true, Created: true}, unclear, Unconfirmed},
		{twiliotest.Failure{Silent: true}, unclear, Unconfirmed},
		{twiliotest.Failure{Silent: true, Created: true}, unclear, Unconfirmed},
	} {
		logger, logged := logbook()
		api, channel := twilioAPI(t, func(o *TwilioOptions) { o.Logger = logger })
		api.Fail(test.failure)
		_, err := channel.Deliver(t.Context(), smsDelivery(t))
		if err == nil || fateOf(err) != test.fate {
			t.Errorf("%+v: got %v", test.failure, err)
			continue
		}
		reason := reasonOf(err)
		if e, ok := errors.AsType[*Undeliverable](err); ok {
			reason = e.Reason
		}
		if reason != test.reason {
			t.Errorf("%+v: reason is %s", test.failure, reason)
		}
		if loud := strings.Contains(logged.String(), `"level":"ERROR"`); loud != (test.reason == Unauthorized) {
			t.Errorf("%+v: logged %s", test.failure, logged)
		}
		keepsSecrets(t, err.Error()+logged.String())
	}
}

func keepsSecrets(t *testing.T, text string) {
	t.Helper()
	for _, secret := range []string{"5550100", twilioSecret, twilioKey, twilioAccount, "Chatter"} {
		if strings.Contains(text, secret) {
			t.Errorf("%q tells %q", text, secret)
		}
	}
}

func TestTwilioThatCannotBeReachedHasCreatedNothing(t *testing.T) {
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	_, channel := twilioAPI(t, func(o *TwilioOptions) { o.BaseURL, o.Client = gone.URL, nil })
	_, err := channel.Deliver(t.Context(), smsDelivery(t))
	if err == nil || fateOf(err) != retry {
		t.Errorf("got %v", err)
	}
	keepsSecrets(t, fmt.Sprint(err))
}

func TestTwilioThatDoesNotAnswerInTimeMayHaveCreatedTheMessage(t *testing.T) {
	received, release := make(chan struct{}), make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		received <- struct{}{}
		<-release
	}))
	defer server.Close()
	defer close(release)
	_, channel := twilioAPI(t, func(o *TwilioOptions) {
		o.BaseURL, o.Client, o.Timeout = server.URL, server.Client(), time.Minute
	})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-received
		cancel()
	}()
	_, err := channel.Deliver(ctx, smsDelivery(t))
	if fateOf(err) != unclear || !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	keepsSecrets(t, fmt.Sprint(err))
}

func TestRetryAfterOfTwilio(t *testing.T) {
	for wait, want := range map[time.Duration]time.Duration{0: 0, 7 * time.Second: 7 * time.Second, time.Hour: time.Minute} {
		api, channel := twilioAPI(t, nil)
		api.Fail(twiliotest.Failure{Status: 429, Code: 20429, RetryAfter: wait})
		_, err := channel.Deliver(t.Context(), smsDelivery(t))
		if e, ok := errors.AsType[*twilioRefusal](err); !ok || e.RetryAfter() != want {
			t.Errorf("%v: got %v", wait, err)
		}
	}
}

func TestNothingIsSentTwiceAfterAnUnclearEnd(t *testing.T) {
	for _, failure := range []twiliotest.Failure{
		{Silent: true, Created: true},
		{Status: 504, HTML: true, Created: true},
		{Status: 201, HTML: true, Created: true},
	} {
		api, channel := twilioAPI(t, nil)
		api.Fail(failure)
		if _, err := channel.Deliver(t.Context(), smsDelivery(t)); fateOf(err) != unclear {
			t.Fatalf("%+v: got %v", failure, err)
		}
		sid, err := channel.Deliver(t.Context(), repeated(t))
		if messages := api.Messages(); err != nil || len(messages) != 1 || messages[0].SID != sid {
			t.Errorf("%+v: got %q, %v, %+v", failure, sid, err, messages)
		}
	}
}

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestRefusedCredentialsAreReportedOnce(t *testing.T) {
	logger, logged := logbook()
	api, channel := twilioAPI(t, func(o *TwilioOptions) { o.Logger = logger })
	refused := func(times int) {
		for range times {
			api.Fail(twiliotest.Failure{Status: 401, Code: 20003})
			if _, err := channel.Deliver(t.Context(), smsDelivery(t)); !errors.Is(err, errUnauthorized) {
				t.Errorf("got %v", err)
			}
		}
	}
	refused(5)
	if n := loud(logged.String()); n != 1 {
		t.Errorf("%d lines: %s", n, logged)
	}
	if _, err := channel.Deliver(t.Context(), smsDelivery(t)); err != nil { // mended
		t.Fatal(err)
	}
	refused(5)
	if n := loud(logged.String()); n != 2 {
		t.Errorf("%d lines: %s", n, logged)
	}
}

func TestUnreadableAnswerIsNotQuoted(t *testing.T) {
	server := httptest.NewServer(answering(201, `{"error_code":4915550100123.5}`))
	defer server.Close()
	_, channel := twilioAPI(t, func(o *TwilioOptions) { o.BaseURL, o.Client = server.URL, server.Client() })
	_, err := channel.Deliver(t.Context(), smsDelivery(t))
	if fateOf(err) != unclear {
		t.Errorf("got %v", err)
	}
	keepsSecrets(t, fmt.Sprint(err))
}

func TestTwilioOptionsThatCannotWork(t *testing.T) {
	good := TwilioOptions{AccountSID: twilioAccount, Secret: twilioSecret, From: "+15550177"}
	if _, err := NewTwilio(good); err != nil {
		t.Error(err)
	}
	for name, change := range map[string]func(*TwilioOptions){
		"no account": func(o *TwilioOptions) { o.AccountSID = "" },
		"no secret":  func(o *TwilioOptions) { o.Secret = "" },
		"no sender":  func(o *TwilioOptions) { o.From = "" },
		"bad url":    func(o *TwilioOptions) { o.BaseURL = "api.twilio.com" },
	} {
		opts := good
		change(&opts)
		if _, err := NewTwilio(opts); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
