package stream_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/holdfastd/holdfast/stream"
)

// writeAt writes values to a partition as of a second since the epoch.
func writeAt(t *testing.T, c *kgo.Client, partition int32, second int64, values ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for _, v := range values {
		record := &kgo.Record{Topic: "events", Partition: partition, Value: []byte(v), Timestamp: time.Unix(second, 0)}
		if err := c.ProduceSync(ctx, record).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
}

func openReplay(t *testing.T, opts stream.ReplayOptions) *stream.Replay {
	t.Helper()
	opts.BackoffMin, opts.BackoffMax = time.Millisecond, time.Millisecond
	r, err := stream.OpenReplay(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

// readAll names what a replay brings, in order.
func readAll(t *testing.T, r *stream.Replay) []string {
	t.Helper()
	var got []string
	for _, id := range r.Partitions() {
		err := r.Read(t.Context(), id, func(records []stream.Record) error {
			for _, record := range records {
				got = append(got, fmt.Sprintf("%d/%d %s", id, record.Offset, record.Value))
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return got
}

func TestReplayBringsAllPartitionsAsTheyWereWhenOpened(t *testing.T) {
	t.Parallel()
	_, connection := fake(t, kfake.SeedTopics(3, "events"))
	c := client(t, connection, kgo.RecordPartitioner(kgo.ManualPartitioner()))
	writeAt(t, c, 0, 100, "a", "b")
	writeAt(t, c, 2, 100, "c")
	writeAt(t, c, 0, 200, "d")
	for _, test := range []struct {
		name     string
		from     time.Time
		maxBytes int
		want     []string
	}{
		{"from the oldest", time.Time{}, 0, []string{"0/0 a", "0/1 b", "0/2 d", "2/0 c"}},
		{"one fetch a record", time.Time{}, 1, []string{"0/0 a", "0/1 b", "0/2 d", "2/0 c"}},
		{"from a time", time.Unix(150, 0), 0, []string{"0/2 d"}},
		{"from a record's own time", time.Unix(200, 0), 0, []string{"0/2 d"}},
		{"from later than all", time.Unix(300, 0), 0, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := openReplay(t, stream.ReplayOptions{Connection: connection, Topic: "events", From: test.from, MaxBytes: test.maxBytes})
			if got := r.Partitions(); !slices.Equal(got, []int32{0, 1, 2}) {
				t.Errorf("the partitions are %v", got)
			}
			if got := readAll(t, r); !slices.Equal(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
	r := openReplay(t, stream.ReplayOptions{Connection: connection, Topic: "events"})
	writeAt(t, c, 1, 300, "late")
	if got := readAll(t, r); slices.Contains(got, "1/0 late") || len(got) != 4 {
		t.Errorf("got %q, of which some came after it was opened", got)
	}
}

func TestReplayOfNoTopic(t *testing.T) {
	t.Parallel()
	_, connection := fake(t)
	_, err := stream.OpenReplay(t.Context(), stream.ReplayOptions{Connection: connection, Topic: "evnets"})
	if err == nil || !strings.Contains(err.Error(), `there is no topic "evnets"`) {
		t.Errorf("error is %v", err)
	}
}

func TestReplayOfDamagedRecords(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		times int
		fails bool
	}{{2, false}, {1000, true}} {
		cluster, connection := fake(t, kfake.SeedTopics(1, "logins"))
		write(t, client(t, connection), "logins", "a", "b", "c")
		damage(cluster, "logins", 0, 2, test.times)
		r := openReplay(t, stream.ReplayOptions{Connection: connection, Topic: "logins"})
		n := 0
		err := r.Read(t.Context(), 0, func(records []stream.Record) error {
			n += len(records)
			return nil
		})
		if test.fails != (err != nil) || !test.fails && n != 3 {
			t.Errorf("damaged %d times: %d records, error %v", test.times, n, err)
		}
		if test.fails && !strings.Contains(err.Error(), `partition 0 of topic "logins" at offset 0`) {
			t.Errorf("error is %v", err)
		}
	}
}

func TestReplayOfRecordsThatRetentionTakesMeanwhile(t *testing.T) {
	t.Parallel()
	cluster, connection := fake(t, kfake.SeedTopics(1, "events"))
	write(t, client(t, connection), "events", "a", "b", "c")
	r := openReplay(t, stream.ReplayOptions{Connection: connection, Topic: "events"})
	if err := cluster.DeleteRecords("events", 0, 2); err != nil {
		t.Fatal(err)
	}
	err := r.Read(t.Context(), 0, func([]stream.Record) error { return nil })
	if err == nil || !strings.Contains(err.Error(), "retention has deleted it") {
		t.Errorf("error is %v", err)
	}
}

func TestReplayEndsWithItsReader(t *testing.T) {
	t.Parallel()
	_, connection := fake(t, kfake.SeedTopics(1, "events"))
	write(t, client(t, connection), "events", "a", "b", "c")
	r := openReplay(t, stream.ReplayOptions{Connection: connection, Topic: "events", MaxBytes: 1})
	enough := errors.New("enough")
	n := 0
	if err := r.Read(t.Context(), 0, func([]stream.Record) error { n++; return enough }); !errors.Is(err, enough) || n != 1 {
		t.Errorf("error is %v after %d calls", err, n)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := r.Read(ctx, 0, func([]stream.Record) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v", err)
	}
}
