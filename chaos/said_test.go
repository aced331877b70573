package chaos

import (
	"bytes"
	"encoding/json"
	"io"
	"sync"
	"testing"
)

// said follows the log of a replica, over all its processes: the metrics of one
// that is killed are gone.
type said struct {
	mu       sync.Mutex
	rest     []byte         // of a line that has not ended
	restored int            // how often a partition was restored from a snapshot
	fenced   int            // how often it was told that it had lost a partition by what it wrote
	unusable map[place]bool // the snapshots that it could not use
}

// Write takes a part of the log.
func (s *said) Write(part []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rest = append(s.rest, part...)
	for {
		line, rest, ended := bytes.Cut(s.rest, []byte("\n"))
		if !ended {
			return len(part), nil
		}
		s.hear(line)
		s.rest = rest
	}
}

func (s *said) hear(line []byte) {
	var l struct {
		Msg       string
		Partition int32
		Offset    int64
	}
	if json.Unmarshal(line, &l) != nil {
		return // of a process that was killed while it wrote
	}
	switch l.Msg {
	case "The partition is restored from a snapshot":
		s.restored++
	case "Another process has taken a partition over":
		s.fenced++
	case "A snapshot can't be used; trying the one before":
		if s.unusable == nil {
			s.unusable = map[place]bool{}
		}
		s.unusable[place{l.Partition, l.Offset}] = true
	}
}

// heard adds what a replica has said to what happened in the run.
func (s *said) heard(h *happened) {
	s.mu.Lock()
	defer s.mu.Unlock()
	h.restored += s.restored
	h.fenced += s.fenced
	for at := range s.unusable {
		h.unusable[at] = true
	}
}

func (s *said) fencings() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.fenced
}

func TestALogIsUnderstoodHoweverItComes(t *testing.T) {
	const log = `{"level":"INFO","msg":"The partition is restored from a snapshot","partition":1,"offset":7}
{"level":"ERROR","msg":"A snapshot can't be used; trying the one before","partition":2,"offset":9,"reason":"damaged"}
{"level":"WARN","msg":"Another pro{"level":"INFO","msg":"Starting"}
a panic
{"level":"WARN","msg":"Another process has taken a partition over"}
{"level":"INFO","msg":"The partition is restored from a snapshot","partition":2,"offset":8}
`
	for _, size := range []int{1, 10, len(log)} {
		var s said
		for part := []byte(log); len(part) > 0; part = part[min(size, len(part)):] {
			if _, err := io.Copy(&s, bytes.NewReader(part[:min(size, len(part))])); err != nil {
				t.Fatal(err)
			}
		}
		h := happened{unusable: map[place]bool{}}
		s.heard(&h)
		if h.restored != 2 || h.fenced != 1 || len(h.unusable) != 1 || !h.unusable[place{2, 9}] {
			t.Errorf("in parts of %d: understood %+v", size, h)
		}
	}
}
