package main

import (
	"context"
	"os"
	"os/signal"
	"reflect"
	"strings"
	"syscall"
	"time"
	"unicode"

	"github.com/holdfastd/holdfast/config"
)

// reload reads configuration, rules and contacts again and puts them in force,
// all of them or none. What only a restart can change is named.
func (d *daemon) reload(ctx context.Context) (err error) {
	select {
	case d.reloadMu <- struct{}{}:
		defer func() { <-d.reloadMu }()
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() {
		d.reloads.done(err, time.Now())
		if err != nil {
			d.logger.Error("Reload failed; nothing has changed", "error", err)
		}
	}()
	cfg, set, err := d.load()
	if err != nil {
		return err
	}
	// Contacts are checked by reading them; the rules come last, because only
	// they can still be refused.
	ruleSet, err := newRuleSet(set, engineOptions(d.config.Engine))
	if err != nil {
		return err
	}
	if err := d.pipeline.Check(ruleSet); err != nil {
		return err
	}
	if err := d.contacts.Reload(); err != nil {
		return err
	}
	if err := d.pipeline.Use(ruleSet); err != nil {
		return err
	}
	d.warnShortcomings(set)
	if changed := needRestart(d.config, cfg); len(changed) > 0 {
		d.logger.Warn("Some settings changed that take effect at the next start only", "sections", changed)
	}
	d.logger.Info("Reloaded", "rules", len(set.Rules), "rule_set", ruleSet.Hash)
	return nil
}

// needRestart names the sections of the configuration that differ and that a
// reload does not touch.
func needRestart(before, after *config.Config) []string {
	var changed []string
	old, now := reflect.ValueOf(*before), reflect.ValueOf(*after)
	for i := range old.NumField() {
		name := old.Type().Field(i).Name
		if name != "Rules" && name != "Lists" && !reflect.DeepEqual(old.Field(i).Interface(), now.Field(i).Interface()) {
			changed = append(changed, key(name))
		}
	}
	return changed
}

// key is a setting's name in the file: MaxActionAge is max_action_age.
func key(field string) string {
	var b strings.Builder
	for i, r := range field {
		if i > 0 && unicode.IsUpper(r) {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}

// reloadOnHangup reloads on SIGHUP until ctx ends.
func (d *daemon) reloadOnHangup(ctx context.Context) error {
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	defer signal.Stop(hangup)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-hangup:
			_ = d.reload(ctx) // it has logged and counted what went wrong
		}
	}
}
