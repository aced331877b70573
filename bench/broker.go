package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// broker is a real Kafka with data of its own, as deploy/dev/kafka/run has it.
type broker struct {
	address string
	folder  string
	child   *child
}

// startBroker starts a broker, which may take until its programs are fetched.
func (b *bench) startBroker(ctx context.Context) (*broker, error) {
	folder, err := os.MkdirTemp(b.Folder, kafkaFolders)
	if err != nil {
		return nil, err
	}
	port, err := sparePorts(ctx, 2) // the second one is the controller's
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(folder))
	}
	cmd := exec.Command(filepath.Join(b.Sources, "deploy/dev/kafka/run")) //nolint:gosec,noctx // ended by stop
	cmd.Env = append(os.Environ(), "KAFKA_PORT="+strconv.Itoa(port), "KAFKA_DATA="+filepath.Join(folder, "data"))
	said, err := cmd.StdoutPipe()
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(folder))
	}
	cmd.Stderr = os.Stderr
	k := &broker{folder: folder}
	if k.child, err = start(cmd); err != nil {
		return nil, errors.Join(fmt.Errorf("starting Kafka: %w; deploy/dev/integration installs what it needs", err), os.RemoveAll(folder))
	}
	ready := make(chan string, 1)
	go func() { // ends with the process, which closes the pipe
		defer close(ready)
		for lines := bufio.NewScanner(said); lines.Scan(); {
			if address, ok := strings.CutPrefix(lines.Text(), "ready: "); ok {
				ready <- address
			}
		}
	}()
	select {
	case address, ok := <-ready:
		if !ok {
			return nil, errors.Join(errors.New("starting Kafka: it ended; deploy/dev/integration installs what it needs"), k.stop())
		}
		k.address = address
		return k, nil
	case <-time.After(3 * time.Minute):
		return nil, errors.Join(errors.New("starting Kafka: it did not get ready"), k.stop())
	case <-ctx.Done():
		return nil, errors.Join(ctx.Err(), k.stop())
	}
}

// stop ends the broker and removes its data.
func (k *broker) stop() error {
	err := k.child.stop()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.ExitCode() == 128+int(syscall.SIGTERM) {
		err = nil // as a shell says that it was told to
	}
	return errors.Join(err, os.RemoveAll(k.folder))
}
