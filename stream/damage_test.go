package stream_test

import (
	"encoding/binary"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/holdfastd/holdfast/stream"
)

// damage makes a cluster answer the next n fetches from an offset on with a batch
// up to another offset whose checksum is wrong. It counts the answers.
func damage(cluster *kfake.Cluster, topic string, from, to int64, n int) *atomic.Int64 {
	b := kmsg.RecordBatch{FirstOffset: from, LastOffsetDelta: int32(to - from), Magic: 2}
	raw := b.AppendTo(nil)
	binary.BigEndian.PutUint32(raw[8:], uint32(len(raw)-12))
	count := new(atomic.Int64)
	cluster.ControlKey(int16(kmsg.Fetch), func(r kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		asked := r.(*kmsg.FetchRequest)
		if asked.Topics[0].Partitions[0].FetchOffset != from || int(count.Load()) == n {
			return nil, nil, false
		}
		count.Add(1)
		partition := kmsg.NewFetchResponseTopicPartition()
		partition.HighWatermark, partition.LastStableOffset, partition.RecordBatches = to+1, to+1, raw
		topics := kmsg.NewFetchResponseTopic()
		topics.Topic, topics.Partitions = topic, append(topics.Partitions, partition)
		answer := asked.ResponseKind().(*kmsg.FetchResponse)
		answer.Topics = append(answer.Topics, topics)
		return answer, nil, true
	})
	return count
}

func TestRecordsThatStayDamagedEndRun(t *testing.T) {
	t.Parallel()
	cluster, connection := fake(t, kfake.SeedTopics(1, "events"))
	write(t, client(t, connection), "events", "a", "b", "c")
	tries := damage(cluster, "events", 1, 2, 1000)
	var log journal
	p := newProbe()
	err := run(t, connection, "events", p, oneRecordPerFetch, func(o *stream.ConsumerOptions) { o.Logger = log.logger() }).end()
	for _, want := range []string{`partition 0 of topic "events"`, "from offset 1 on", "checksum", "before offset 3"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Run ended with %v, want an error that says %q", err, want)
		}
	}
	if n := tries.Load(); n != 5 {
		t.Errorf("the records were tried %d times, want 5", n)
	}
	if got := p.values(); !slices.Equal(got, []string{"a"}) {
		t.Errorf("records %q arrived, want the one before the damage", got)
	}
	if got := committed(t, connection, "events"); got != 1 {
		t.Errorf("offset %d is committed, want 1", got)
	}
	if n := log.count(rose); n != 0 {
		t.Errorf("it was logged %d times that the input works again, but it does not", n)
	}
}

func TestRecordsThatArriveDamagedAreFetchedAgain(t *testing.T) {
	t.Parallel()
	cluster, connection := fake(t, kfake.SeedTopics(1, "events"))
	write(t, client(t, connection), "events", "a", "b", "c")
	damage(cluster, "events", 0, 0, 4)
	damage(cluster, "events", 1, 1, 4)
	r := run(t, connection, "events", newProbe(), oneRecordPerFetch)
	r.wait(t, "all records arrive", func() bool { return slices.Equal(r.values(), []string{"a", "b", "c"}) })
	r.ready()
}
