package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"time"
)

// child is a process that runs until it is told to stop.
type child struct {
	cmd  *exec.Cmd
	done chan struct{}
	err  error // of its end; set before done is closed
}

// start starts a process in a group of its own, so that a Ctrl-C on the terminal
// reaches it through stop alone. Should this process be killed, it is told to
// stop too.
func start(cmd *exec.Cmd) (*child, error) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	c := &child{cmd: cmd, done: make(chan struct{})}
	go func() {
		c.err = cmd.Wait()
		close(c.done)
	}()
	return c, nil
}

// stop asks the process to end and waits until it has; one that takes a minute
// over it is killed.
func (c *child) stop() error {
	if err := c.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-c.done:
		return c.err
	case <-time.After(time.Minute):
		_ = c.cmd.Process.Kill()
		<-c.done
		return fmt.Errorf("%s had to be killed", c.cmd.Path)
	}
}

// sparePorts returns the first of some loopback ports in a row that nobody
// listens on.
func sparePorts(ctx context.Context, n int) (int, error) {
	for first := 20_000; first < 30_000; first += n {
		free := true
		for port := first; port < first+n && free; port++ {
			l, err := new(net.ListenConfig).Listen(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
			if free = err == nil; free {
				_ = l.Close()
			}
		}
		if free {
			return first, nil
		}
	}
	return 0, errors.New("no spare loopback port between 20000 and 30000")
}
