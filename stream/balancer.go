package stream

import (
	"cmp"
	"encoding/binary"
	"slices"
	"sync/atomic"

	"github.com/segmentio/kafka-go"
)

// stickyBalancer spreads a topic's partitions evenly over the members of the
// group and moves as few as it must: whoever takes a partition over has to
// rebuild its state first. One that has to move is given to nobody at first. The
// member that held it closes it, so that its state is kept up to the last record,
// and joins the group anew; then it is free. kafka-go brings no balancer that
// does.
//
// Each member says in its user data which partitions it holds, and since which
// generation at the latest: a version byte, then four bytes for the generation
// and for each partition.
type stickyBalancer struct {
	claim    func() *claim // to what this member holds now
	withheld *atomic.Bool  // set to whether the last assignment kept any back
}

// claim is what a member says to hold.
type claim struct {
	generation int32 // by which it was assigned
	partitions []int32
}

// userDataVersion changes with the layout and with what is expected of members:
// from version 2 on, that they give up what they no longer get and then join anew.
const userDataVersion = 2

// ProtocolName is what the members of a group must agree on.
func (stickyBalancer) ProtocolName() string { return "holdfast-sticky" }

// UserData is this member's part of the group's decision.
func (b stickyBalancer) UserData() ([]byte, error) {
	c := b.claim()
	data := []byte{userDataVersion}
	data = binary.BigEndian.AppendUint32(data, uint32(c.generation))
	for _, p := range c.partitions {
		data = binary.BigEndian.AppendUint32(data, uint32(p))
	}
	return data, nil
}

// AssignGroups decides for the whole group. Every member could be asked, so it
// depends on its arguments alone, not on their order.
func (b stickyBalancer) AssignGroups(members []kafka.GroupMember, partitions []kafka.Partition) kafka.GroupMemberAssignments {
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
	withheld := false
	for topic, free := range free {
		if spread(topic, free, members, assigned) {
			withheld = true
		}
	}
	b.withheld.Store(withheld)
	return assigned
}

// spread assigns the partitions of one topic. It reports whether it kept any back
// that have to move.
func spread(topic string, free map[int]bool, members []kafka.GroupMember, assigned kafka.GroupMemberAssignments) (withheld bool) {
	var takers []taker
	newest := int32(0)
	for _, m := range members {
		if slices.Contains(m.Topics, topic) {
			c := parseUserData(m.UserData)
			takers = append(takers, taker{id: m.ID, claim: c})
			newest = max(newest, c.generation)
		}
	}
	// A member that was left out of a generation, as one that was paused, claims
	// what others may have had since.
	for i := range takers {
		if takers[i].generation < newest {
			takers[i].partitions = nil
		}
	}
	// Who holds most comes first, and gets what does not divide evenly.
	slices.SortFunc(takers, func(a, b taker) int {
		return cmp.Or(cmp.Compare(len(b.partitions), len(a.partitions)), cmp.Compare(a.id, b.id))
	})
	if len(takers) == 0 {
		return false
	}
	share, extra := len(free)/len(takers), len(free)%len(takers)
	for i := range takers {
		t := &takers[i]
		t.quota = share
		if i < extra {
			t.quota++
		}
		for _, held := range t.partitions {
			p := int(held)
			if !free[p] {
				continue
			}
			delete(free, p)
			if len(t.gets) < t.quota {
				t.gets = append(t.gets, p)
			} else {
				withheld = true
			}
		}
	}
	rest := make([]int, 0, len(free))
	for p := range free {
		rest = append(rest, p)
	}
	slices.Sort(rest)
	for _, t := range takers {
		n := min(t.quota-len(t.gets), len(rest))
		t.gets, rest = append(t.gets, rest[:n]...), rest[n:]
		slices.Sort(t.gets)
		assigned[t.id][topic] = t.gets
	}
	return withheld
}

type taker struct {
	claim
	id    string
	gets  []int
	quota int
}

// parseUserData reads which partitions a member holds. Data of another version,
// as during an upgrade, says nothing.
func parseUserData(data []byte) claim {
	const head = 1 + 4
	if len(data) < head || data[0] != userDataVersion {
		return claim{}
	}
	c := claim{generation: int32(binary.BigEndian.Uint32(data[1:]))}
	for rest := data[head:]; len(rest) >= 4; rest = rest[4:] {
		c.partitions = append(c.partitions, int32(binary.BigEndian.Uint32(rest)))
	}
	slices.Sort(c.partitions)
	return c
}
