package main

import (
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// patience bounds every wait for the daemon. It decides nothing but when to give
// up: a slow machine is not a failure.
const patience = 3 * time.Minute

// process is a daemon in a process of its own.
type process struct {
	cmd  *exec.Cmd
	url  string
	done chan error
}

// start runs the daemon and waits until its web server answers.
func (w *world) start(t *testing.T, args ...string) *process {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	p := &process{url: "http://" + address, done: make(chan error, 1)}
	p.cmd = exec.Command(os.Args[0], append([]string{"run", "-c", w.config}, args...)...)
	p.cmd.Env = append(os.Environ(), asProgram+"=1", "HOLDFAST_WEB_LISTEN="+address)
	log := t.Output()
	p.cmd.Stdout, p.cmd.Stderr = log, log
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { p.done <- p.cmd.Wait() }()
	t.Cleanup(func() {
		if p.cmd.Process.Kill() == nil {
			t.Log("the daemon had to be killed: ", <-p.done)
		}
	})
	p.await(t, "an answer", func() bool {
		response, err := http.Get(p.url + "/-/healthy")
		if err != nil {
			return false
		}
		_ = response.Body.Close()
		return response.StatusCode == http.StatusOK
	})
	return p
}

func (p *process) kill(t *testing.T) {
	t.Helper()
	if err := p.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := <-p.done; err == nil {
		t.Error("a killed daemon ended well")
	}
}

func (p *process) signal(t *testing.T, s os.Signal) {
	t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
}

// stop asks the daemon to end, which it must do cleanly.
func (p *process) stop(t *testing.T) {
	t.Helper()
	p.signal(t, syscall.SIGTERM)
	if err := <-p.done; err != nil {
		t.Errorf("SIGTERM ends the daemon with %v", err)
	}
}

func (p *process) await(t *testing.T, what string, condition func() bool) {
	t.Helper()
	eventually(t, what, func() bool {
		select {
		case err := <-p.done:
			t.Fatalf("the daemon ended: %v", err)
		default:
		}
		return condition()
	})
}

func (p *process) get(t *testing.T, path string) (int, string) {
	t.Helper()
	return p.ask(t, http.MethodGet, path)
}

func (p *process) post(t *testing.T, path string) (int, string) {
	t.Helper()
	return p.ask(t, http.MethodPost, path)
}

func (p *process) ask(t *testing.T, method, path string) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, p.url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(body)
}

// awaitMetric waits until the metric's series, added up, reach a value; for 0,
// until they are 0.
func (p *process) awaitMetric(t *testing.T, name string, want float64) {
	t.Helper()
	p.await(t, name, func() bool {
		_, body := p.get(t, "/metrics")
		sum := 0.0
		for line := range strings.Lines(body) {
			series, value, ok := strings.Cut(strings.TrimSpace(line), " ")
			if ok && (series == name || strings.HasPrefix(series, name+"{")) {
				v, err := strconv.ParseFloat(value, 64)
				if err != nil {
					t.Fatalf("%s: %v", line, err)
				}
				sum += v
			}
		}
		return sum >= want && (want > 0 || sum == 0)
	})
}

// eventually waits for a condition of another process, which nothing but asking
// can tell.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	timeout := time.After(patience)
	for !condition() {
		select {
		case <-tick.C:
		case <-timeout:
			t.Fatalf("waited %v in vain for %s", patience, what)
		}
	}
}
