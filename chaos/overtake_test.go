//go:build integration

package chaos

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"time"
)

// overtake pauses a replica in the middle of a write: the database is down and
// comes back while the replica stands. It wakes up once another has taken its
// partitions over, and must be told so when it goes on with the write.
func (r *run) overtake(ctx context.Context) error {
	if err := r.settle(ctx); err != nil {
		return err
	}
	before, err := r.owners(ctx)
	if err != nil {
		return err
	}
	if err := r.postgres.stop(); err != nil {
		return err
	}
	var (
		target *replica
		held   []int32
	)
	err = r.until(ctx, "a replica in the middle of a write", func(ctx context.Context) bool {
		for _, d := range r.replicas {
			if held = d.partitions(ctx); len(held) > 0 && d.writing(ctx) {
				target = d
				return true
			}
		}
		return false
	})
	if err != nil {
		return errors.Join(err, r.postgres.start(ctx))
	}
	said := target.said.fencings()
	if err := errors.Join(target.pause(), r.postgres.start(ctx)); err != nil {
		return err
	}
	err = r.until(ctx, "another replica to take over", func(ctx context.Context) bool {
		now, err := r.owners(ctx)
		if err != nil {
			return false
		}
		for _, p := range held {
			if now[p].generation == before[p].generation {
				return false
			}
		}
		return true
	})
	if err := errors.Join(err, target.wake()); err != nil {
		return err
	}
	return r.until(ctx, "the replica to be told that it was overtaken", func(context.Context) bool {
		return target.said.fencings() > said
	})
}

// settle waits until every partition is open somewhere.
func (r *run) settle(ctx context.Context) error {
	return r.until(ctx, "all partitions to be open", func(ctx context.Context) bool {
		open := 0
		for _, d := range r.replicas {
			open += len(d.partitions(ctx))
		}
		return open == partitions
	})
}

var (
	openPartition = regexp.MustCompile(`(?m)^holdfast_rule_set_info\{partition="(\d+)"`)
	waitsToWrite  = regexp.MustCompile(`(?m)^holdfast_partitions_blocked\{to="store"\} [1-9]`)
)

// partitions are those that the replica has open; none if it doesn't answer.
func (r *replica) partitions(ctx context.Context) []int32 {
	var open []int32
	for _, match := range openPartition.FindAllStringSubmatch(r.metrics(ctx), -1) {
		if p, err := strconv.ParseInt(match[1], 10, 32); err == nil {
			open = append(open, int32(p))
		}
	}
	return open
}

// writing says whether the replica waits for the store.
func (r *replica) writing(ctx context.Context) bool { return waitsToWrite.MatchString(r.metrics(ctx)) }

// metrics are those of the replica, as Prometheus reads them; none if it doesn't
// answer.
func (r *replica) metrics(ctx context.Context) string {
	text, err := r.get(ctx, "/metrics")
	if err != nil {
		return ""
	}
	return text
}

// get asks the replica's web server.
func (r *replica) get(ctx context.Context, path string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+r.address+path, nil)
	if err != nil {
		return "", err
	}
	response, err := r.web.Do(request)
	if err != nil {
		return "", err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return "", fmt.Errorf("a replica answers %s", response.Status)
	}
	const most = 1 << 20 // bytes
	text, err := io.ReadAll(io.LimitReader(response.Body, most))
	return string(text), err
}
