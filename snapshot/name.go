package snapshot

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"strconv"
)

// Name says which snapshot: of which partition, up to where in its log, and
// made by which of the partition's owners.
type Name struct {
	// Topic is the input topic, as Kafka allows them: 1 to 249 letters of ASCII,
	// digits, dots, underscores and hyphens, and neither "." nor "..".
	Topic string
	// Partition is the partition of the topic, from 0.
	Partition int32
	// Next is the offset of the first record that the snapshot does not contain,
	// from 0.
	Next int64
	// Generation is the partition's claim under which it was written, from 0. Two
	// processes that both take themselves for the owner write two files.
	Generation int64
}

// compareNewest orders names of one partition by how much of the log they
// contain, most first; of those equal in that, the latest owner's comes first.
func compareNewest(a, b Name) int {
	return cmp.Or(cmp.Compare(b.Next, a.Next), cmp.Compare(b.Generation, a.Generation))
}

const (
	extension = ".snapshot"
	// maxTopic is Kafka's own bound on a topic's name, in bytes.
	maxTopic = 249
)

var (
	topicPattern = regexp.MustCompile(`^[a-zA-Z0-9._-]+$`)
	// filePattern is what file writes. The numbers are padded, so that a listing
	// by name is one by age.
	filePattern = regexp.MustCompile(`^(\d{10})-(\d{19})-(\d{19})\.snapshot$`)
)

// checkTopic says whether a topic's name can be a folder's. It keeps whatever
// names topics from reaching outside of the directory.
func checkTopic(topic string) error {
	switch {
	case topic == "." || topic == ".." || !topicPattern.MatchString(topic):
		return fmt.Errorf("%q is no name of a topic: it may consist of ASCII letters, digits, dots, underscores and hyphens, and is neither \".\" nor \"..\"", topic)
	case len(topic) > maxTopic:
		return fmt.Errorf("a topic's name is at most %d bytes long, not %d", maxTopic, len(topic))
	}
	return nil
}

func (n Name) check() error {
	if n.Partition < 0 || n.Next < 0 || n.Generation < 0 {
		return errors.New("partition, offset and generation of a snapshot are not negative")
	}
	return checkTopic(n.Topic)
}

// file is the name of the snapshot's file in its topic's folder.
func (n Name) file() string {
	return fmt.Sprintf("%010d-%019d-%019d%s", n.Partition, n.Next, n.Generation, extension)
}

// parse reads what file wrote.
func parse(topic, file string) (Name, bool) {
	parts := filePattern.FindStringSubmatch(file)
	if parts == nil {
		return Name{}, false
	}
	partition, err := strconv.ParseInt(parts[1], 10, 32)
	if err != nil {
		return Name{}, false
	}
	next, err := strconv.ParseInt(parts[2], 10, 64)
	if err != nil {
		return Name{}, false
	}
	generation, err := strconv.ParseInt(parts[3], 10, 64)
	if err != nil {
		return Name{}, false
	}
	return Name{Topic: topic, Partition: int32(partition), Next: next, Generation: generation}, true
}
