package stream

import (
	"cmp"
	"encoding/binary"
	"slices"

	"github.com/segmentio/kafka-go"
)

// stickyBalancer spreads a topic's partitions evenly over the members of the
// group and moves as few as it must: whoever takes a partition over has to
// rebuild its state first. kafka-go brings no balancer that does.
//
// Each member says which partitions it holds in its user data: a version byte,
// then four bytes a partition.
type stickyBalancer struct {
	held func() []int32 // what this member holds now
}

const userDataVersion = 1

// ProtocolName is what the members of a group must agree on.
func (stickyBalancer) ProtocolName() string { return "holdfast-sticky" }

// UserData is this member's part of the group's decision.
func (b stickyBalancer) UserData() ([]byte, error) {
	data := []byte{userDataVersion}
	for _, p := range b.held() {
		data = binary.BigEndian.AppendUint32(data, uint32(p))
	}
	return data, nil
}

// AssignGroups decides for the whole group. Every member could be asked, so it
// depends on its arguments alone, not on their order.
func (stickyBalancer) AssignGroups(members []kafka.GroupMember, partitions []kafka.Partition) kafka.GroupMemberAssignments {
	assigned := make(kafka.GroupMemberAssignments, len(members))
	if len(members) == 0 {
		return assigned
	}
	free := map[string]map[int]bool{} // by topic and partition
	for _, p := range partitions {
		if free[p.Topic] == nil {
			free[p.Topic] = map[int]bool{}
		}
		free[p.Topic][p.ID] = true
	}
	for _, m := range members {
		assigned[m.ID] = map[string][]int{}
	}
	for topic, free := range free {
		spread(topic, free, members, assigned)
	}
	return assigned
}

// spread assigns the partitions of one topic.
func spread(topic string, free map[int]bool, members []kafka.GroupMember, assigned kafka.GroupMemberAssignments) {
	// Who holds most comes first, and gets what does not divide evenly.
	var takers []taker
	for _, m := range members {
		if slices.Contains(m.Topics, topic) {
			takers = append(takers, taker{id: m.ID, held: parseUserData(m.UserData)})
		}
	}
	slices.SortFunc(takers, func(a, b taker) int {
		return cmp.Or(cmp.Compare(len(b.held), len(a.held)), cmp.Compare(a.id, b.id))
	})
	if len(takers) == 0 {
		return
	}
	share, extra := len(free)/len(takers), len(free)%len(takers)
	for i := range takers {
		t := &takers[i]
		t.quota = share
		if i < extra {
			t.quota++
		}
		for _, p := range t.held {
			if len(t.gets) < t.quota && free[p] {
				t.gets = append(t.gets, p)
				delete(free, p)
			}
		}
	}
	rest := make([]int, 0, len(free))
	for p := range free {
		rest = append(rest, p)
	}
	slices.Sort(rest)
	for _, t := range takers {
		n := t.quota - len(t.gets)
		t.gets, rest = append(t.gets, rest[:n]...), rest[n:]
		slices.Sort(t.gets)
		assigned[t.id][topic] = t.gets
	}
}

type taker struct {
	id         string
	held, gets []int
	quota      int
}

// parseUserData reads which partitions a member holds. Data of another version,
// as during an upgrade, says nothing.
func parseUserData(data []byte) []int {
	if len(data) == 0 || data[0] != userDataVersion {
		return nil
	}
	var held []int
	for rest := data[1:]; len(rest) >= 4; rest = rest[4:] {
		held = append(held, int(int32(binary.BigEndian.Uint32(rest))))
	}
	slices.Sort(held)
	return held
}
