package notify

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestPhoneIsE164(t *testing.T) {
	for _, good := range []string{"+15550100", "+4915550100123", "+123456789012345"} {
		if p, err := ParsePhone(good); err != nil || p.Number() != good {
			t.Errorf("%s: got %v, %v", good, p, err)
		}
	}
	for _, bad := range []string{"", "+", "15550100", "+0155501000", "+123456", "+1234567890123456", "+1 555 0100", "+1555010a", "+15550100\n", "＋15550100", "+1555０100"} {
		_, err := ParsePhone(bad)
		if err == nil || strings.Contains(err.Error(), "555") {
			t.Errorf("%q: got %v", bad, err)
		}
	}
}

func TestPhoneIsMaskedHoweverItIsPrinted(t *testing.T) {
	c := Contact{Account: "u_1842", Phone: mustPhone(t, "+4915550100123"), PreviousPhone: mustPhone(t, "+4915550199123")}
	logger, logged := logbook()
	logger.Info("contact", "phone", c.Phone, "contact", c)
	encoded, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	for _, printed := range []string{
		c.Phone.String(), logged.String(), string(encoded),
		fmt.Sprintf("%v %+v %#v %s %q", c, c, c.Phone, c.Phone, c.Phone),
	} {
		if strings.Contains(printed, "5550") || !strings.Contains(printed, "+49…23") {
			t.Errorf("printed %s", printed)
		}
	}
	if s := (Phone{}).String(); s != "" {
		t.Errorf("no phone is %q", s)
	}
}

func TestNumberThatWasJustChangedIsNotTrusted(t *testing.T) {
	current, previous := mustPhone(t, "+15550100"), mustPhone(t, "+15550199")
	ago := func(d time.Duration) time.Time { return noon.Add(-d) }
	for _, test := range []struct {
		name   string
		owner  Contact
		to     Phone
		reason string
	}{
		{"old number", Contact{Phone: current, PhoneSince: ago(7 * 24 * time.Hour), PreviousPhone: previous}, current, ""},
		{"age unknown", Contact{Phone: current, PreviousPhone: previous}, current, ""},
		{"new number", Contact{Phone: current, PhoneSince: ago(7*24*time.Hour - 1), PreviousPhone: previous}, previous, ""},
		{"new number, none before", Contact{Phone: current, PhoneSince: ago(time.Hour)}, Phone{}, PhoneTooNew},
		{"number of the future", Contact{Phone: current, PhoneSince: ago(-time.Hour)}, Phone{}, PhoneTooNew},
		{"number removed just now", Contact{PhoneSince: ago(time.Hour), PreviousPhone: previous}, previous, ""},
		{"number removed long ago", Contact{PhoneSince: ago(9000 * time.Hour), PreviousPhone: previous}, Phone{}, NoPhone},
		{"no number", Contact{}, Phone{}, NoPhone},
	} {
		if to, reason := test.owner.number(noon); to != test.to || reason != test.reason {
			t.Errorf("%s: got %v, %q", test.name, to, reason)
		}
	}
}
