package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// contestant is something that works through the events of a file in a process
// of its own.
type contestant struct {
	name    string
	program string
	args    []string
	told    string // what its output must hold for it to have done its work
}

// measureBacktests runs what reads files. All take turns, so that what else the
// machine is doing meets all of them; each ratio is one of two neighbors in time.
func (b *bench) measureBacktests(ctx context.Context) (table, error) {
	b.logger.Info("Writing the events, unless they are there")
	few, err := corpus(ctx, b.Folder, b.Accounts, b.Events)
	if err != nil {
		return nil, err
	}
	many, err := corpus(ctx, b.Folder, 10*b.Accounts, b.Events)
	if err != nil {
		return nil, err
	}
	hundred := filepath.Join(b.Folder, "hundred.yaml")
	if err := os.WriteFile(hundred, hundredRules(), 0o600); err != nil {
		return nil, err
	}
	done := " bad lines" // the last line of the table
	backtest := func(name, file, rules string) contestant {
		args := []string{"backtest"}
		if rules != "" {
			args = append(args, "--rules", rules)
		}
		return contestant{name, b.Holdfast, append(args, file), done}
	}
	ten := backtest("ten", few, b.rules)
	ten10 := backtest("10 x accounts", many, b.rules)
	ten100 := backtest("10 x rules", few, hundred)
	pack := backtest("pack", few, "")
	reading := contestant{"sonic", b.self, []string{"sonic", few}, fmt.Sprint(b.Events)}
	took, err := b.compete(ctx, ten, reading, ten10, ten100, pack)
	if err != nil {
		return nil, err
	}

	rate := func(c contestant) float64 {
		return median(each(took[c.name], func(u usage) float64 { return u.perCore(b.Events) }))
	}
	rates := func(c contestant) string {
		return list(took[c.name], func(u usage) string {
			return fmt.Sprintf("%.2f (%.1fs)", u.perCore(b.Events)/1e6, u.wall.Seconds())
		})
	}
	against := func(c, other contestant) ([]float64, float64) {
		ratios := make([]float64, b.Runs)
		for i := range ratios {
			ratios[i] = float64(took[c.name][i].cpu) / float64(took[other.name][i].cpu)
		}
		return ratios, median(ratios)
	}
	read, readMedian := against(ten, reading)
	accounts, accountsMedian := against(ten10, ten)
	rules, rulesMedian := against(ten100, ten)
	events := millions(float64(b.Events))
	return table{
		{
			what: fmt.Sprintf("`backtest` of %s events, 10-rule file, events/s per core", events), target: "≥ 1,000,000",
			measured: millions(rate(ten)), met: rate(ten) >= 1e6,
			note: fmt.Sprintf("million events per CPU second (wall clock): %s; %d MB at most", rates(ten), took[ten.name][0].memory>>20),
		},
		{
			what: "the same with the whole default pack", target: "≥ 600,000",
			measured: millions(rate(pack)), met: rate(pack) >= 6e5, note: rates(pack),
		},
		{
			what: "CPU per event of the 10-rule run ÷ only decoding with sonic", target: "≤ 0.7",
			measured: ratio(readMedian), met: readMedian <= 0.7,
			note: fmt.Sprintf("%s; sonic alone, million events per CPU second (wall clock): %s", list(read, ratio), rates(reading)),
		},
		{
			what: "the same events over 10x the accounts ÷ over " + millions(float64(b.Accounts)), target: "≤ 1.2",
			measured: ratio(accountsMedian), met: accountsMedian <= 1.2, note: list(accounts, ratio),
		},
		{
			what: "90 more rules that match nothing ÷ the 10-rule file", target: "≤ 1.2",
			measured: ratio(rulesMedian), met: rulesMedian <= 1.2, note: list(rules, ratio),
		},
	}, nil
}

// compete runs the contestants in turn, several times.
func (b *bench) compete(ctx context.Context, contestants ...contestant) (map[string][]usage, error) {
	took := make(map[string][]usage)
	for run := range b.Runs {
		for _, c := range contestants {
			u, err := runProcess(ctx, c.program, c.args...)
			if err != nil {
				return nil, err
			}
			if !strings.Contains(u.output, c.told) {
				return nil, fmt.Errorf("%s did not work through its events; it said %q", c.name, u.output)
			}
			took[c.name] = append(took[c.name], u)
			b.logger.Info("Ran", "what", c.name, "run", run+1, "cpu", u.cpu, "wall", u.wall.Round(time.Millisecond), "memory_mb", u.memory>>20)
		}
	}
	return took, nil
}

func each[T, R any](of []T, f func(T) R) []R {
	var results []R
	for _, v := range of {
		results = append(results, f(v))
	}
	return results
}

// hundredRules adds 90 rules to the ten that no everyday event matches.
func hundredRules() []byte {
	all := bytes.Clone(tenRules)
	channels := []string{"whatsapp", "totp", "missed_call"}
	for i := range 9 {
		filled := strings.NewReplacer("NUMBER", strconv.Itoa(i+2), "CHANNEL", channels[i%len(channels)])
		all = append(all, filled.Replace(elsewhereRules)...)
	}
	return all
}
