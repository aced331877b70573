package notify

import (
	"cmp"
	"container/list"
	"context"
	"errors"
	"sync"
	"time"
)

// CacheOptions configure a [Cache].
type CacheOptions struct {
	// TTL is how long a contact is kept. Defaults to 1 min.
	TTL time.Duration

	// UnknownTTL is how long it is kept that an account is unknown. Defaults
	// to 10 s.
	UnknownTTL time.Duration

	// Size is how many accounts are kept; the one used longest ago goes first.
	// Defaults to 10000.
	Size int

	// Now is the clock. Defaults to time.Now.
	Now func() time.Time
}

// Cache spares a directory the repeated questions of one attack. It keeps
// contacts and unknown accounts, never a failure. It is safe for concurrent use.
type Cache struct {
	directory Directory
	opts      CacheOptions

	mu      sync.Mutex
	entries map[string]*list.Element // of *cached
	recent  list.List                // used last comes first
}

type cached struct {
	account string
	contact Contact
	err     error // nil or ErrNoContact
	until   time.Time
}

// NewCache puts a cache before a directory.
func NewCache(directory Directory, opts CacheOptions) *Cache {
	opts.TTL = cmp.Or(opts.TTL, time.Minute)
	opts.UnknownTTL = cmp.Or(opts.UnknownTTL, 10*time.Second)
	opts.Size = cmp.Or(opts.Size, 10_000)
	if opts.Now == nil {
		opts.Now = time.Now
	}
	return &Cache{directory: directory, opts: opts, entries: make(map[string]*list.Element)}
}

// Contact returns what is kept of the account, or asks the directory.
func (c *Cache) Contact(ctx context.Context, account string) (Contact, error) {
	if e, ok := c.get(account); ok {
		return e.contact, e.err
	}
	contact, err := c.directory.Contact(ctx, account)
	ttl := c.opts.TTL
	switch {
	case errors.Is(err, ErrNoContact):
		ttl = c.opts.UnknownTTL
	case err != nil:
		return Contact{}, err
	}
	c.put(&cached{account, contact, err, c.opts.Now().Add(ttl)})
	return contact, err
}

func (c *Cache) get(account string) (cached, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	element, ok := c.entries[account]
	if !ok {
		return cached{}, false
	}
	e := element.Value.(*cached)
	if !c.opts.Now().Before(e.until) {
		return cached{}, false
	}
	c.recent.MoveToFront(element)
	return *e, true
}

func (c *Cache) put(e *cached) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if element, ok := c.entries[e.account]; ok {
		element.Value = e
		c.recent.MoveToFront(element)
		return
	}
	c.entries[e.account] = c.recent.PushFront(e)
	if oldest := c.recent.Back(); c.recent.Len() > c.opts.Size {
		c.recent.Remove(oldest)
		delete(c.entries, oldest.Value.(*cached).account)
	}
}
