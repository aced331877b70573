package main

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// patience bounds every process that is measured.
const patience = 10 * time.Minute

// usage is what a process took from its start to its end.
type usage struct {
	cpu    time.Duration // of all its threads, in user and system mode
	wall   time.Duration
	memory int64  // the most it had resident, bytes
	output string // its standard output
}

// perCore is how many of n things the process got done in a second of CPU time.
func (u usage) perCore(n int) float64 { return float64(n) / u.cpu.Seconds() }

// runProcess runs a program to its end.
func runProcess(ctx context.Context, program string, args ...string) (usage, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...) //nolint:gosec // its own children
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 10 * time.Second
	var out, problems bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problems
	begun := time.Now()
	if err := cmd.Run(); err != nil {
		return usage{}, fmt.Errorf("%s: %w\n%s", strings.Join(cmd.Args, " "), err, problems.String())
	}
	u := usage{
		cpu:  cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(),
		wall: time.Since(begun), output: out.String(),
	}
	if r, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		u.memory = r.Maxrss << 10
	}
	return u, nil
}
