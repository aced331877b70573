// Package config reads Holdfast's configuration: one YAML file, with the
// environment laid over it and defaults below it. It reports everything that is
// wrong with it at once, each finding at its line and column. It must never
// start anything, and never show a secret.
package config

import "time"

// Config is a checked configuration: every default is filled in, every path
// resolved and every secret read. A section behind a nil pointer is switched
// off.
type Config struct {
	Kafka Kafka

	// Rules are the rule files, and the folders of them. Empty stands for the
	// rules that are built in.
	Rules []string

	// Lists are the named lists that rules look things up in: texts, and address
	// ranges such as 10.0.0.0/8.
	Lists map[string][]string

	Engine Engine
	Store  Store

	// MaxActionAge is the age past which an alert is recorded only when it is
	// first stored, so that a backfill writes to nobody about last week.
	// Defaults to 10m.
	MaxActionAge time.Duration

	// Directory is where an owner's contacts come from. Required for SMS.
	Directory *Directory

	// ServiceName is the service's name as its users know it, at most 20
	// characters of the GSM-7 alphabet. Every SMS begins with it. Required for
	// SMS.
	ServiceName string

	Notify  Notify
	Respond Respond
	Web     Web
	Pprof   Pprof
	Log     Log
}

// defaults returns the configuration of an empty file.
func defaults() Config {
	return Config{
		Kafka:        Kafka{Group: "holdfast", ClientID: "holdfast"},
		Engine:       defaultEngine(),
		Store:        Store{URL: NewSecret("sqlite:holdfast.db")},
		MaxActionAge: 10 * time.Minute,
		Notify:       Notify{MaxPerDay: 10},
		Web:          Web{Listen: "127.0.0.1:9480"},
		Log:          Log{Format: LogAuto},
	}
}

func (c *Config) read(s *section) {
	c.Kafka.read(s.always("kafka"))
	s.paths("rules", &c.Rules)
	c.Lists = readLists(s.optional("lists"))
	c.Engine.read(s.always("engine"))
	c.Store.read(s.always("store"))
	s.duration("max_action_age", &c.MaxActionAge, time.Second)
	if d := s.optional("directory"); d != nil {
		c.Directory = readDirectory(d)
	}
	s.text("service_name", &c.ServiceName, serviceName)
	c.Notify.read(s.always("notify"))
	c.Respond.read(s.always("respond"))
	c.Web.read(s.always("web"))
	c.Pprof.read(s.always("pprof"))
	c.Log.read(s.always("log"))

	if c.Notify.SMS != nil {
		s.require("directory", "it says which number an SMS goes to")
		s.require("service_name", "every SMS begins with it")
	}
}
