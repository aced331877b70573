package notify

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/language"

	"github.com/holdfastd/holdfast/internal/diag"
)

const goodContacts = `# people
contacts:
  - account: ana
    locale: de
    time_zone: Europe/Berlin
    phone: +4915550100
    phone_since: 2026-03-01
    previous_phone: "+4915550199"
  - account: "17"
    phone_since: 2026-03-01T10:00:00+02:00
`

func contactsFile(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "contacts.yaml")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestFileKnowsItsContacts(t *testing.T) {
	f, err := OpenFile(contactsFile(t, goodContacts))
	if err != nil {
		t.Fatal(err)
	}
	ana, err := f.Contact(t.Context(), "ana")
	if err != nil || ana.Account != "ana" || ana.Locale != language.German || ana.TimeZone.String() != "Europe/Berlin" ||
		ana.Phone.Number() != "+4915550100" || ana.PreviousPhone.Number() != "+4915550199" ||
		!ana.PhoneSince.Equal(time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("got %+v, %v", ana, err)
	}
	seventeen, err := f.Contact(t.Context(), "17")
	if err != nil || !seventeen.PhoneSince.Equal(time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)) || !seventeen.Phone.IsZero() {
		t.Errorf("got %+v, %v", seventeen, err)
	}
	if _, err := f.Contact(t.Context(), "bob"); !errors.Is(err, ErrNoContact) {
		t.Errorf("got %v", err)
	}
}

func TestFileWithErrorsTellsThemAll(t *testing.T) {
	_, err := parseContacts("contacts.yaml", []byte(`contacts:
  - account: ana
    phone: 0155-50100
    time_zone: Mars/Olympus
    locale: "?"
    acount: bob
  - phone: "+15550100"
  - account: ana
  - account: carla
    account: dora
    phone_since: yesterday
    previous_phone: [1]
  - just a text
extra: true
`))
	want := []string{
		"contacts.yaml:3:12: phone: phone number is not in E.164 form: + and 7 to 15 digits",
		"contacts.yaml:4:16: time_zone: not a time zone, such as Europe/Berlin",
		"contacts.yaml:5:13: locale: not a BCP 47 language tag, such as de or pt-BR",
		"contacts.yaml:6:5: unknown key; did you mean `account`?",
		"contacts.yaml:7:5: a contact needs an account",
		"contacts.yaml:8:5: this account has a contact already",
		"contacts.yaml:10:5: account is written twice",
		"contacts.yaml:11:18: phone_since: neither a date nor an RFC 3339 time",
		"contacts.yaml:12:21: previous_phone is a text",
		"contacts.yaml:13:5: this is to be a mapping with the key account",
		"contacts.yaml:14:1: unknown key",
	}
	if err == nil {
		t.Fatal("no error")
	}
	if diff := cmp.Diff(want, strings.Split(err.Error(), "\n")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	list, _ := errors.AsType[diag.List](err)
	for _, d := range list {
		if !d.Secret {
			t.Errorf("%s would show its line", d)
		}
	}
}

func TestFilesThatAreNoContacts(t *testing.T) {
	for content, want := range map[string]string{
		"contacts: {":                                 "not valid YAML",
		"contacts: [*nobody]":                         "not valid YAML",
		"contacts: 7":                                 "contacts is a list",
		"- account: ana":                              "mapping with the key contacts",
		"contacts: []\n---\ncontacts: []":             "one document",
		"contacts: []\n---\n{":                        "not valid YAML",
		"contacts:\n- account: &a ana\n- *a":          "mapping with the key account",
		"contacts:\n- {account: a, phone: }":          "phone is a text",
		"contacts:\n- {account: a, time_zone: Local}": "not a time zone",
	} {
		if _, err := parseContacts("f", []byte(content)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v", content, err)
		}
	}
	for _, content := range []string{"", "# nobody yet\n", "contacts: []", "---\n"} {
		if contacts, err := parseContacts("f", []byte(content)); err != nil || len(contacts) != 0 {
			t.Errorf("%q: got %v, %v", content, contacts, err)
		}
	}
}

func TestReload(t *testing.T) {
	path := contactsFile(t, goodContacts)
	f, err := OpenFile(path)
	if err != nil {
		t.Fatal(err)
	}
	write := func(content string) error {
		t.Helper()
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return f.Reload()
	}
	if err := write("contacts: {"); err == nil {
		t.Error("a broken file was taken")
	}
	if _, err := f.Contact(t.Context(), "ana"); err != nil {
		t.Errorf("a broken file changed something: %v", err)
	}
	if err := write("contacts: [{account: bob}]"); err != nil {
		t.Error(err)
	}
	if _, err := f.Contact(t.Context(), "bob"); err != nil {
		t.Error(err)
	}
	if _, err := f.Contact(t.Context(), "ana"); !errors.Is(err, ErrNoContact) {
		t.Errorf("got %v", err)
	}
	if _, err := OpenFile(path + ".missing"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

func FuzzContacts(f *testing.F) {
	f.Add([]byte(goodContacts))
	f.Add([]byte("contacts: [{account: a, phone: *x}]"))
	f.Fuzz(func(t *testing.T, source []byte) {
		contacts, err := parseContacts("f", source)
		if err != nil {
			return
		}
		for account, c := range contacts {
			if account == "" || c.Account != account {
				t.Errorf("%q has %+v", account, c)
			}
		}
	})
}
