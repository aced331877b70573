//go:build integration

package chaos

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"
)

// replica is one daemon, in a process of its own that ends and is started again.
// Its methods may be called concurrently.
type replica struct {
	binary, config string
	address        string    // of its web server
	log            io.Writer // what it says, over all its processes
	said           said
	// failed gets the error of a process that ends by itself, or badly.
	failed chan<- error
	web    *http.Client

	mu      sync.Mutex
	process *exec.Cmd // nil while it doesn't run
	ended   chan error
	paused  *exec.Cmd // the process that is, if it is the one that runs
	full    bool      // its disk is
	starts  int
}

func newReplica(t *testing.T, number, port int, binary, config string, failed chan<- error) *replica {
	t.Helper()
	file, err := os.Create(filepath.Join(t.ArtifactDir(), "replica-"+strconv.Itoa(number)+".log"))
	if err != nil {
		t.Fatal(err)
	}
	r := &replica{
		binary: binary, config: config, address: "127.0.0.1:" + strconv.Itoa(port),
		failed: failed,
		web:    &http.Client{Transport: &http.Transport{DisableKeepAlives: true}},
	}
	// This process writes the file, so that no limit on the replica's files is one
	// on what it says.
	r.log = io.MultiWriter(file, &r.said)
	t.Cleanup(func() {
		if err := errors.Join(r.kill(), file.Close()); err != nil {
			t.Error(err)
		}
	})
	return r
}

// start starts a process, unless there is one.
func (r *replica) start() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.process != nil {
		return nil
	}
	cmd := exec.Command(r.binary, "run", "-c", r.config)
	cmd.Env = append(os.Environ(), "HOLDFAST_WEB_LISTEN="+r.address)
	cmd.Stdout, cmd.Stderr = r.log, r.log
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("starting a replica: %w", err)
	}
	r.process, r.ended = cmd, make(chan error, 1)
	r.starts++
	go r.watch(cmd, r.ended)
	if r.full {
		return r.limit(fullDisk)
	}
	return nil
}

// watch waits for a process and reports one that ends though nobody has ended it.
func (r *replica) watch(cmd *exec.Cmd, ended chan<- error) {
	err := cmd.Wait()
	r.mu.Lock()
	byItself := r.process == cmd
	if byItself {
		r.process = nil
	}
	r.mu.Unlock()
	if byItself {
		r.fail(fmt.Errorf("a replica ended by itself, see its log: %v", cmd.ProcessState))
	}
	ended <- err
}

func (r *replica) fail(err error) {
	select {
	case r.failed <- err:
	default: // the first is enough
	}
}

// kill ends the process by SIGKILL, paused or not, and waits until it has gone.
func (r *replica) kill() error {
	cmd, ended := r.release()
	if cmd == nil {
		return nil
	}
	err := cmd.Process.Kill()
	if ended := <-ended; ended == nil {
		err = errors.Join(err, errors.New("a replica ended well that was killed"))
	}
	return err
}

// stop asks the process to end, which it has to do well. A paused one is woken.
func (r *replica) stop() error {
	cmd, ended := r.release()
	if cmd == nil {
		return nil
	}
	if err := errors.Join(cmd.Process.Signal(syscall.SIGTERM), cmd.Process.Signal(syscall.SIGCONT)); err != nil {
		return fmt.Errorf("stopping a replica: %w", err)
	}
	select {
	case err := <-ended:
		if err != nil {
			return fmt.Errorf("SIGTERM ends a replica badly, see its log: %w", err)
		}
		return nil
	case <-time.After(patience):
		return errors.Join(errors.New("a replica doesn't end by SIGTERM"), cmd.Process.Kill())
	}
}

// release takes the process away from watch: whatever ends it now was meant to.
func (r *replica) release() (*exec.Cmd, <-chan error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	cmd := r.process
	r.process = nil
	return cmd, r.ended
}

// hangup sends SIGHUP, if the process runs.
func (r *replica) hangup() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.process == nil {
		return nil
	}
	return r.process.Process.Signal(syscall.SIGHUP)
}

// pause stops the process where it stands, as happens to a machine that is moved
// or swaps.
func (r *replica) pause() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.process == nil {
		return nil
	}
	r.paused = r.process
	return r.process.Process.Signal(syscall.SIGSTOP)
}

func (r *replica) isPaused() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.paused != nil && r.paused == r.process
}

// wake continues a process that was paused, unless it has been ended meanwhile.
func (r *replica) wake() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	paused := r.paused
	r.paused = nil
	if paused == nil || r.process != paused {
		return nil
	}
	return paused.Process.Signal(syscall.SIGCONT)
}

const (
	fullDisk = "4096" // bytes, that a file may have
	roomy    = "unlimited"
)

// setFull has the kernel refuse to let any file of the replica's grow, or not any
// more: which is what a full disk does to it, as far as it can tell, and needs no
// privilege. It holds for the processes to come as well.
func (r *replica) setFull(full bool) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.full = full
	if r.process == nil {
		return nil
	}
	if full {
		return r.limit(fullDisk)
	}
	return r.limit(roomy)
}

func (r *replica) limit(size string) error {
	var said bytes.Buffer
	cmd := exec.Command("prlimit", "--pid", strconv.Itoa(r.process.Process.Pid), "--fsize="+size+":")
	cmd.Stderr = &said
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("limiting a replica's files: %w: %s", err, &said)
	}
	return nil
}

func (r *replica) running() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.process != nil
}

// alive asks whether the replica has come so far that it minds its signals.
func (r *replica) alive(ctx context.Context) bool {
	_, err := r.get(ctx, "/-/healthy")
	return err == nil
}

func (r *replica) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.starts
}
