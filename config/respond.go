package config

// Respond says how sessions are ended.
type Respond struct {
	// Sessions is the service's endpoint that ends sessions. Defaults to none:
	// no session is ended.
	Sessions *Webhook
}

func (r *Respond) read(s *section) {
	if sub := s.optional("sessions"); sub != nil {
		r.Sessions = readWebhook(sub)
	}
}
