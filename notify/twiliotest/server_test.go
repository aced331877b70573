package twiliotest_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/holdfastd/holdfast/notify/twiliotest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const path = "/2010-04-01/Accounts/AC1/Messages.json"

// call makes a request and decodes the answer.
func call(t *testing.T, s *twiliotest.Server, method, target, form string, credentials ...string) (int, map[string]any) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, target, strings.NewReader(form))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if len(credentials) == 0 {
		credentials = []string{"AC1", "token"}
	}
	r.SetBasicAuth(credentials[0], credentials[1])
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	var body map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil {
		t.Fatalf("%s: %v", w.Body, err)
	}
	return w.Code, body
}

func TestRefusals(t *testing.T) {
	s := twiliotest.New(twiliotest.Credentials{AccountSID: "AC1", Secret: "token"})
	for form, want := range map[string]float64{
		"From=%2B15550177&Body=x":                                 21604,
		"To=555&From=%2B15550177&Body=x":                          21211,
		"To=%2B15550100&Body=x":                                   21603,
		"To=%2B15550100&From=%2B15550177":                         21602,
		"To=%2B15550100&From=x&Body=" + strings.Repeat("x", 1601): 21617,
	} {
		status, body := call(t, s, http.MethodPost, path, form)
		if status != 400 || body["code"] != want || body["status"] != 400.0 || body["message"] == "" || body["more_info"] == "" {
			t.Errorf("%.40s: got %d %v", form, status, body)
		}
	}
	if status, body := call(t, s, http.MethodGet, path, "", "AC1", "wrong"); status != 401 || body["code"] != 20003.0 {
		t.Errorf("got %d %v", status, body)
	}
	if status, body := call(t, s, http.MethodGet, strings.Replace(path, "AC1", "AC2", 1), ""); status != 404 || body["code"] != 20404.0 {
		t.Errorf("got %d %v", status, body)
	}
	if len(s.Messages()) != 0 {
		t.Errorf("created %v", s.Messages())
	}
}

func TestCreatedMessageIsListed(t *testing.T) {
	s := twiliotest.New(twiliotest.Credentials{AccountSID: "AC1", Secret: "token"})
	status, created := call(t, s, http.MethodPost, path, "To=%2B15550100&MessagingServiceSid=MG1&Body=a+b")
	if status != 201 || created["body"] != "a b" || created["status"] != "queued" || created["date_sent"] != nil || created["from"] != nil {
		t.Errorf("got %d %v", status, created)
	}
	_, list := call(t, s, http.MethodGet, path+"?To=%2B15550100", "")
	if got := list["messages"].([]any); len(got) != 1 || got[0].(map[string]any)["sid"] != created["sid"] {
		t.Errorf("got %v", list)
	}
}

func TestListFiltersAndPages(t *testing.T) {
	day := func(n int) time.Time { return time.Date(2026, 11, n, 12, 0, 0, 0, time.UTC) }
	s := twiliotest.New(twiliotest.Credentials{AccountSID: "AC1", Secret: "token"})
	for _, m := range []twiliotest.Message{
		{SID: "1", To: "+15550100", From: "+15550177", Created: day(1), Sent: day(1)},
		{SID: "2", To: "+15550100", From: "+15550178", Created: day(2), Sent: day(2)},
		{SID: "3", To: "+15550111", From: "+15550177", Created: day(3), Sent: day(3)},
		{SID: "4", To: "+15550100", From: "+15550177", Created: day(3)}, // waits
	} {
		s.Add(m)
	}
	for query, want := range map[string]string{
		"":                                 "4321",
		"To=%2B15550100":                   "421",
		"From=%2B15550178":                 "2",
		"DateSent=2026-11-02":              "2",
		"DateSent%3C=2026-11-02":           "21",
		"DateSent%3E=2026-11-02T00:00:00Z": "32",
		"To=%2B15550100&PageSize=2":        "42",
	} {
		if got := sids(call(t, s, http.MethodGet, path+"?"+query, "")); got != want {
			t.Errorf("%s: got %s, not %s", query, got, want)
		}
	}

	got, target := "", path+"?PageSize=3"
	for target != "" {
		status, list := call(t, s, http.MethodGet, target, "")
		got += sids(status, list) + " "
		target, _ = list["next_page_uri"].(string)
	}
	if got != "432 1 " {
		t.Errorf("pages are %s", got)
	}
	for _, query := range []url.Values{{"PageSize": {"1001"}}, {"PageSize": {"x"}}, {"Page": {"1"}}} {
		if status, _ := call(t, s, http.MethodGet, path+"?"+query.Encode(), ""); status != 400 {
			t.Errorf("%v: got %d", query, status)
		}
	}
}

func sids(_ int, list map[string]any) string {
	var b strings.Builder
	for _, m := range list["messages"].([]any) {
		b.WriteString(m.(map[string]any)["sid"].(string))
	}
	return b.String()
}
