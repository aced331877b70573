//go:build integration

package chaos

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// server is a Kafka or a PostgreSQL that a script of deploy/dev runs in the
// foreground, with a folder of its own that it finds again at the next start. It
// is for one goroutine.
type server struct {
	name    string
	script  string
	env     []string
	crash   syscall.Signal // ends it at once, with nothing tidied up
	log     *os.File
	process *exec.Cmd
	ended   chan struct{} // closed once the script has ended
	status  error         // with which it did
	address string        // what the script says after "ready:", the same at every start
}

func newKafka(t *testing.T, port int) *server {
	t.Helper()
	return newServer(t, "kafka", syscall.SIGKILL, "KAFKA_PORT="+strconv.Itoa(port), "KAFKA_DATA="+filepath.Join(t.TempDir(), "kafka"))
}

// newPostgres crashes by SIGQUIT, the immediate shutdown, from which PostgreSQL
// recovers as from any crash: whereas the children of a killed one can outlive it
// and keep the next from starting.
func newPostgres(t *testing.T, port int) *server {
	t.Helper()
	return newServer(t, "postgres", syscall.SIGQUIT, "POSTGRES_PORT="+strconv.Itoa(port), "POSTGRES_DATA="+publicFolder(t))
}

func newServer(t *testing.T, name string, crash syscall.Signal, env ...string) *server {
	t.Helper()
	log, err := os.Create(filepath.Join(t.ArtifactDir(), name+".log"))
	if err != nil {
		t.Fatal(err)
	}
	s := &server{name: name, script: filepath.Join("..", "deploy", "dev", name, "run"), env: env, crash: crash, log: log}
	t.Cleanup(func() {
		if err := errors.Join(s.stop(), log.Close()); err != nil {
			t.Error(err)
		}
	})
	return s
}

// start starts the server and returns once it is ready.
func (s *server) start(ctx context.Context) error {
	cmd := exec.Command(s.script) // ctx bounds the wait, not the server's life
	cmd.Env = append(os.Environ(), s.env...)
	cmd.Stderr = s.log
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("starting %s: %w", s.name, err)
	}
	ready, ended := make(chan string, 1), make(chan struct{})
	go func() {
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			if address, ok := strings.CutPrefix(lines.Text(), "ready: "); ok {
				ready <- address
				break
			}
		}
		_, _ = io.Copy(io.Discard, out)
		s.status = cmd.Wait()
		close(ended)
	}()
	s.process, s.ended = cmd, ended
	select {
	case address := <-ready:
		if s.address == "" { // others read it once the server has been ready
			s.address = address
		}
		return nil
	case <-ended:
		s.process = nil
		return fmt.Errorf("%s ended before it was ready, see its log: %w", s.name, s.status)
	case <-ctx.Done():
		return errors.Join(fmt.Errorf("starting %s: %w", s.name, ctx.Err()), s.stop())
	}
}

// stop asks the server to end, and waits until it has. One that doesn't run is
// left alone.
func (s *server) stop() error {
	if s.process == nil {
		return nil
	}
	if err := s.process.Process.Signal(syscall.SIGTERM); err != nil {
		return fmt.Errorf("stopping %s: %w", s.name, err)
	}
	<-s.ended
	s.process = nil
	return nil
}

// kill ends the server without a warning, and waits until it has gone.
func (s *server) kill() error {
	script := strconv.Itoa(s.process.Process.Pid)
	children, err := exec.Command("pgrep", "-P", script).Output()
	if err != nil {
		return fmt.Errorf("looking for the process of %s: %w", s.name, err)
	}
	for child := range strings.FieldsSeq(string(children)) {
		pid, err := strconv.Atoi(child)
		if err != nil {
			return err
		}
		if err := syscall.Kill(pid, s.crash); err != nil {
			return fmt.Errorf("killing %s: %w", s.name, err)
		}
	}
	<-s.ended // the script ends with its child
	s.process = nil
	return nil
}

// ports hands out ports below the ephemeral ones: a server keeps its port over a
// restart, and so must not share it with whatever connection is made meanwhile.
type ports struct{ next int }

// take returns a port that is free, as is the one above it.
func (p *ports) take(t *testing.T) int {
	t.Helper()
	const least, most = 20_000, 32_000
	free := func(port int) bool {
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		return err == nil && l.Close() == nil
	}
	if p.next == 0 {
		p.next = least + os.Getpid()*20%(most-least)
	}
	for range (most - least) / 2 {
		port := p.next
		if p.next += 2; p.next >= most {
			p.next = least
		}
		if free(port) && free(port+1) {
			return port
		}
	}
	t.Fatal("no port is free")
	return 0
}

// publicFolder is a folder that another user may enter: PostgreSQL refuses to run
// as root.
func publicFolder(t *testing.T) string {
	t.Helper()
	folder, err := os.MkdirTemp("", "chaos-postgres-") //nolint:usetesting // nobody else may enter TempDir
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(folder); err != nil {
			t.Error(err)
		}
	})
	return folder
}
