package stream

import (
	"context"
	"maps"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/segmentio/kafka-go"
)

func TestStickyBalancer(t *testing.T) {
	type groups = map[string][]int
	const now = 7 // the generation that ends
	holds := func(partitions ...int32) claim { return claim{generation: now, partitions: partitions} }
	for _, test := range []struct {
		name       string
		partitions int
		claims     map[string]claim // by member
		want       groups
		withheld   bool
	}{
		{"one member takes all", 3, map[string]claim{"a": {}}, groups{"a": {0, 1, 2}}, false},
		{"none to give", 0, map[string]claim{"a": {}}, groups{}, false},
		{"fewer partitions than members", 1, map[string]claim{"a": {}, "b": holds(0)}, groups{"a": nil, "b": {0}}, false},
		{"a member joins", 4, map[string]claim{"a": holds(0, 1, 2, 3), "b": {}}, groups{"a": {0, 1}, "b": nil}, true},
		{"what had to move is free", 4, map[string]claim{"a": holds(0, 1), "b": holds()}, groups{"a": {0, 1}, "b": {2, 3}}, false},
		{"who holds more keeps the odd one", 3, map[string]claim{"a": {}, "b": holds(0, 1, 2)}, groups{"a": nil, "b": {0, 1}}, true},
		{"some are free and some have to move", 6, map[string]claim{"a": {}, "b": {}, "c": holds(0, 1, 2)}, groups{"a": {3, 4}, "b": {5}, "c": {0, 1}}, true},
		{"a member has left", 4, map[string]claim{"a": holds(0, 3)}, groups{"a": {0, 1, 2, 3}}, false},
		{"nothing needs to move", 4, map[string]claim{"a": holds(1, 3), "b": holds(0, 2)}, groups{"a": {1, 3}, "b": {0, 2}}, false},
		{"a member was left out of a generation", 4, map[string]claim{"a": {now - 1, []int32{0, 1, 2, 3}}, "b": holds(0, 1, 2, 3)}, groups{"a": nil, "b": {0, 1}}, true},
		{"a claim to what is gone", 2, map[string]claim{"a": holds(0, 7), "b": {}}, groups{"a": {0}, "b": {1}}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			var members []kafka.GroupMember
			for id, c := range test.claims {
				data, err := stickyBalancer{claim: func() *claim { return &c }}.UserData()
				if err != nil {
					t.Fatal(err)
				}
				members = append(members, kafka.GroupMember{ID: id, Topics: []string{"events"}, UserData: data})
			}
			var partitions []kafka.Partition
			for id := range test.partitions {
				partitions = append(partitions, kafka.Partition{Topic: "events", ID: id})
			}
			var withheld atomic.Bool
			got := groups{}
			for id, topics := range (stickyBalancer{withheld: &withheld}).AssignGroups(members, partitions) {
				for _, ids := range topics {
					got[id] = ids
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("assignment (-want +got):\n%s", diff)
			}
			if withheld.Load() != test.withheld {
				t.Errorf("partitions are withheld %v, want %v", withheld.Load(), test.withheld)
			}
		})
	}
}

func TestStickyBalancerReadsNoUserDataOfOtherVersions(t *testing.T) {
	for _, data := range [][]byte{nil, {1, 0, 0, 0, 1}, {3, 0, 0, 0, 1, 0, 0, 0, 1}, {2, 0, 0}} {
		if c := parseUserData(data); c.generation != 0 || c.partitions != nil {
			t.Errorf("user data %v reads as %v", data, c)
		}
	}
	members := []kafka.GroupMember{{ID: "a", Topics: []string{"other"}}, {ID: "b", Topics: []string{"events"}}}
	got := stickyBalancer{withheld: new(atomic.Bool)}.AssignGroups(members, []kafka.Partition{{Topic: "events", ID: 0}})
	if len(got["a"]) != 0 || !slices.Equal(slices.Collect(maps.Keys(got["b"])), []string{"events"}) {
		t.Errorf("the topic goes to those who do not read it: %v", got)
	}
}

// TestWithheldPartitionsAreDividedInTheEnd is about a member that does not join
// anew once it has closed what it has to give up.
func TestWithheldPartitionsAreDividedInTheEnd(t *testing.T) {
	c, err := NewConsumer(ConsumerOptions{
		Connection: Connection{Brokers: []string{"127.0.0.1:1"}}, Topic: "events", Group: "readers",
		Open:         func(context.Context, Assignment) (Processor, Resume, error) { return nil, Resume{}, nil },
		MeasureEvery: time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer c.cluster.close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if c.watch(ctx, true); ctx.Err() != nil {
		t.Error("whoever divided the partitions waits for ever")
	}
}
