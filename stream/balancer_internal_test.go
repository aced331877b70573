package stream

import (
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/segmentio/kafka-go"
)

func TestStickyBalancer(t *testing.T) {
	type groups = map[string][]int
	for _, test := range []struct {
		name       string
		partitions int
		held       map[string][]int32 // by member
		want       groups
	}{
		{"one member takes all", 3, map[string][]int32{"a": nil}, groups{"a": {0, 1, 2}}},
		{"none to give", 0, map[string][]int32{"a": nil}, groups{}},
		{"fewer partitions than members", 1, map[string][]int32{"a": nil, "b": {0}}, groups{"a": nil, "b": {0}}},
		{"a member joins", 4, map[string][]int32{"a": {0, 1, 2, 3}, "b": nil}, groups{"a": {0, 1}, "b": {2, 3}}},
		{"who holds more keeps the odd one", 3, map[string][]int32{"a": nil, "b": {0, 1, 2}}, groups{"a": {2}, "b": {0, 1}}},
		{"a member has left", 4, map[string][]int32{"a": {0, 3}}, groups{"a": {0, 1, 2, 3}}},
		{"nothing needs to move", 4, map[string][]int32{"a": {1, 3}, "b": {0, 2}}, groups{"a": {1, 3}, "b": {0, 2}}},
		{"two claim the same", 2, map[string][]int32{"a": {0, 1}, "b": {0, 1}}, groups{"a": {0}, "b": {1}}},
		{"a claim to what is gone", 2, map[string][]int32{"a": {0, 7}, "b": nil}, groups{"a": {0}, "b": {1}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var members []kafka.GroupMember
			for id, held := range test.held {
				data, err := stickyBalancer{held: func() []int32 { return held }}.UserData()
				if err != nil {
					t.Fatal(err)
				}
				members = append(members, kafka.GroupMember{ID: id, Topics: []string{"events"}, UserData: data})
			}
			var partitions []kafka.Partition
			for id := range test.partitions {
				partitions = append(partitions, kafka.Partition{Topic: "events", ID: id})
			}
			got := groups{}
			for id, topics := range (stickyBalancer{}).AssignGroups(members, partitions) {
				for _, ids := range topics {
					got[id] = ids
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("assignment (-want +got):\n%s", diff)
			}
		})
	}
}

func TestStickyBalancerReadsNoUserDataOfOtherVersions(t *testing.T) {
	for _, data := range [][]byte{nil, {2, 0, 0, 0, 1}, {1, 0, 0}} {
		if held := parseUserData(data); held != nil {
			t.Errorf("user data %v reads as %v", data, held)
		}
	}
	members := []kafka.GroupMember{{ID: "a", Topics: []string{"other"}}, {ID: "b", Topics: []string{"events"}}}
	got := stickyBalancer{}.AssignGroups(members, []kafka.Partition{{Topic: "events", ID: 0}})
	if len(got["a"]) != 0 || !slices.Equal(slices.Collect(maps.Keys(got["b"])), []string{"events"}) {
		t.Errorf("the topic goes to those who do not read it: %v", got)
	}
}
