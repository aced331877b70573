package notify

import (
	"context"
	"errors"
	"time"

	"golang.org/x/text/language"
)

// Contact is what the service's directory knows of an account's owner.
type Contact struct {
	Account       string
	Locale        language.Tag   // language.Und if unknown
	TimeZone      *time.Location // nil if unknown
	Phone         Phone
	PhoneSince    time.Time // when Phone was set; zero if long ago
	PreviousPhone Phone
}

// Directory knows how an account's owner can be reached. The event that led to
// an alert never does: an attacker may have written it.
type Directory interface {
	// Contact returns the owner's contact, or an error that is [ErrNoContact]
	// if the account is unknown.
	Contact(ctx context.Context, account string) (Contact, error)
}

// ErrNoContact says that the directory does not know an account.
var ErrNoContact = errors.New("the directory does not know the account")

// NewPhone is how long a changed number is not trusted: an attacker who changes
// it first must not be the one who is warned.
const NewPhone = 7 * 24 * time.Hour

// number is where an SMS may go at a moment: the current number, or the one
// before it while the current one is too new. Without either, the reason says
// why.
func (c Contact) number(now time.Time) (to Phone, reason string) {
	changed := !c.PhoneSince.IsZero() && now.Sub(c.PhoneSince) < NewPhone
	switch {
	case changed && !c.PreviousPhone.IsZero():
		return c.PreviousPhone, ""
	case c.Phone.IsZero():
		return Phone{}, NoPhone
	case changed:
		return Phone{}, PhoneTooNew
	}
	return c.Phone, ""
}

// contactFields are the names that [Contact.set] knows.
var contactFields = []string{"account", "locale", "time_zone", "phone", "phone_since", "previous_phone"}

// set reads a field from its text. An error does not repeat the text and leaves
// the field empty.
func (c *Contact) set(field, text string) error {
	switch field {
	case "account":
		c.Account = text
	case "locale":
		locale, err := language.Parse(text)
		if err != nil {
			return errors.New("not a BCP 47 language tag, such as de or pt-BR")
		}
		c.Locale = locale
	case "time_zone":
		zone, err := time.LoadLocation(text)
		if err != nil || text == "Local" {
			return errors.New("not a time zone, such as Europe/Berlin")
		}
		c.TimeZone = zone
	case "phone_since":
		since, err := time.Parse(time.RFC3339, text)
		if err != nil {
			since, err = time.Parse(time.DateOnly, text)
		}
		if err != nil {
			return errors.New("neither a date nor an RFC 3339 time")
		}
		c.PhoneSince = since
	case "phone":
		return setPhone(&c.Phone, text)
	case "previous_phone":
		return setPhone(&c.PreviousPhone, text)
	}
	return nil
}

func setPhone(p *Phone, text string) (err error) {
	*p, err = ParsePhone(text)
	return err
}
