package notify

import (
	"context"
	"fmt"
	"os"
	"sync/atomic"
)

// File is a directory in a YAML file, for small services and for trying things
// out:
//
//	contacts:
//	  - account: ana
//	    locale: de
//	    time_zone: Europe/Berlin
//	    phone: "+4915550100"
//	    phone_since: 2026-03-01          # or an RFC 3339 time
//	    previous_phone: "+4915550199"
//
// Only account is required. It is safe for concurrent use.
type File struct {
	path     string
	contacts atomic.Pointer[map[string]Contact]
}

// OpenFile reads the file. What is wrong in it comes as a diag.List that holds
// every finding.
func OpenFile(path string) (*File, error) {
	f := &File{path: path}
	if err := f.Reload(); err != nil {
		return nil, err
	}
	return f, nil
}

// Reload reads the file again. A file with an error changes nothing.
func (f *File) Reload() error {
	source, err := os.ReadFile(f.path)
	if err != nil {
		return fmt.Errorf("reading the contacts: %w", err)
	}
	contacts, err := parseContacts(f.path, source)
	if err != nil {
		return err
	}
	f.contacts.Store(&contacts)
	return nil
}

// Contact returns the account's contact as of the last good reload.
func (f *File) Contact(_ context.Context, account string) (Contact, error) {
	c, ok := (*f.contacts.Load())[account]
	if !ok {
		return Contact{}, ErrNoContact
	}
	return c, nil
}
