package config

import (
	"errors"
	"net/url"
	"strings"
)

// Store says where alerts and their deliveries are kept.
type Store struct {
	// URL is sqlite:FILE or postgres://USER:PASSWORD@HOST:PORT/DATABASE. It is
	// url in the file where it holds no password, else url_file or the
	// environment. Defaults to sqlite:holdfast.db in the working directory.
	URL Secret
}

const sqliteScheme = "sqlite:"

func (st *Store) read(s *section) {
	if text, from, ok := s.scalar("url", aText); ok {
		if err := checkText(text, openStoreURL); err != nil {
			s.wrong("url", from, err)
		} else {
			st.URL = NewSecret(text)
		}
	}
	if s.has("url") {
		s.exclude("and `url` exclude each other", "url_file")
	}
	s.secret("url", &st.URL, storeURL)

	inFile := (s.has("url") || s.has("url_file")) && !s.overridden("url")
	if path, ok := strings.CutPrefix(st.URL.Reveal(), sqliteScheme); ok && inFile {
		st.URL = NewSecret(sqliteScheme + s.file.resolve(path))
	}
}

// openStoreURL checks a store's URL that stands in the configuration.
func openStoreURL(text string) error {
	if err := storeURL(text); err != nil {
		return err
	}
	if strings.HasPrefix(text, sqliteScheme) {
		return nil
	}
	u, err := url.Parse(text)
	if err != nil {
		return errStoreURL
	}
	_, inUser := u.User.Password()
	if q := u.Query(); inUser || q.Has("password") || q.Has("sslpassword") {
		return errors.New("holds a password; set " + variable("store.url") + ", or name a file that holds the URL in `url_file`")
	}
	return nil
}

var errStoreURL = errors.New("must be sqlite:FILE or postgres://USER:PASSWORD@HOST/DATABASE, with special characters percent-encoded")

// storeURL checks a store's URL. Its errors never quote it.
func storeURL(text string) error {
	if path, ok := strings.CutPrefix(text, sqliteScheme); ok {
		switch {
		case path == "" || path == ":memory:" || strings.Contains(path, "?"):
			return errStoreURL
		case strings.HasPrefix(path, "//") && !strings.HasPrefix(path, "///"):
			return errors.New("names a host, which a file doesn't have; write sqlite:FILE, or sqlite:///FILE with the whole path")
		}
		return nil
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" {
		return errStoreURL
	}
	return nil
}
