package stream

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// batch is a record batch as a broker would send it, with a record at each of
// the given offsets, up to last.
func batch(base, last int64, attributes int16, producer int64, offsets ...int64) []byte {
	b := kmsg.RecordBatch{
		FirstOffset: base, Magic: 2, Attributes: attributes, LastOffsetDelta: int32(last - base),
		FirstTimestamp: 1000, MaxTimestamp: 9000, ProducerID: producer, NumRecords: int32(len(offsets)),
	}
	for _, offset := range offsets {
		r := kmsg.Record{TimestampDelta64: offset - base, OffsetDelta: int32(offset - base), Key: []byte("k"), Value: []byte("value")}
		body := r.AppendTo(nil)[1:] // a length of 0, which takes a byte
		r.Length = int32(len(body))
		b.Records = r.AppendTo(b.Records)
	}
	raw := b.AppendTo(nil)
	binary.BigEndian.PutUint32(raw[8:], uint32(len(raw)-batchPrefix))
	return sign(raw)
}

func sign(raw []byte) []byte {
	binary.BigEndian.PutUint32(raw[crcAt:], crc32.Checksum(raw[crcFrom:], castagnoli))
	return raw
}

func TestDecode(t *testing.T) {
	const none = int64(-1)
	for _, test := range []struct {
		name    string
		set     [][]byte
		aborted []abortedTransaction
		want    []int64
		next    int64 // from 10
	}{
		{name: "nothing", next: 10},
		{name: "a batch that begins before what was asked for", set: [][]byte{batch(8, 12, 0, none, 8, 9, 10, 11, 12)}, want: []int64{10, 11, 12}, next: 13},
		{name: "a batch that lost its tail to compaction", set: [][]byte{batch(8, 20, 0, none, 8, 10)}, want: []int64{10}, next: 21},
		{name: "a batch whose records are all gone", set: [][]byte{batch(8, 20, 0, none)}, next: 21},
		{name: "a batch of which only earlier records are left", set: [][]byte{batch(8, 20, 0, none, 8)}, next: 21},
		{name: "a gap between batches", set: [][]byte{batch(10, 10, 0, none, 10), batch(15, 15, 0, none, 15)}, want: []int64{10, 15}, next: 16},
		{name: "a batch that the broker cut", set: [][]byte{batch(10, 10, 0, none, 10), batch(11, 11, 0, none, 11)[:30]}, want: []int64{10}, next: 11},
		{name: "a prefix that the broker cut", set: [][]byte{batch(10, 10, 0, none, 10), batch(11, 11, 0, none, 11)[:7]}, want: []int64{10}, next: 11},
		{name: "a damaged batch after a good one", set: [][]byte{batch(10, 10, 0, none, 10), edited(11, 70, 0xff)}, want: []int64{10}, next: 11},
		{name: "an old batch after a good one", set: [][]byte{batch(10, 10, 0, none, 10), edited(11, magicAt, 1)}, want: []int64{10}, next: 11},
		{name: "a batch of which only the first record is whole, after a good one", set: [][]byte{batch(10, 10, 0, none, 10), sign(edited(11, 60, 2))}, want: []int64{10}, next: 11},
		{name: "a marker", set: [][]byte{batch(10, 10, transactional|control, 1, 10)}, next: 11},
		{
			name:    "a transaction that was aborted before the fetch began, and one after it",
			aborted: []abortedTransaction{{producer: 1, first: 5}},
			set: [][]byte{
				batch(10, 11, transactional, 1, 10, 11), batch(12, 12, 0, none, 12), batch(13, 13, transactional|control, 1, 13),
				batch(14, 14, transactional, 1, 14),
			},
			want: []int64{12, 14}, next: 15,
		},
		{
			name:    "a producer's aborted transaction after a committed one",
			aborted: []abortedTransaction{{producer: 1, first: 12}},
			set: [][]byte{
				batch(10, 10, transactional, 1, 10), batch(11, 11, transactional|control, 1, 11),
				batch(12, 12, transactional, 1, 12), batch(13, 13, transactional|control, 1, 13),
				batch(14, 14, transactional, 2, 14),
			},
			want: []int64{10, 14}, next: 15,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := &fetched{next: 10}
			if err := f.decode(slices.Concat(test.set...), test.aborted); err != nil {
				t.Fatal(err)
			}
			var got []int64
			for _, r := range f.Records {
				got = append(got, r.Offset)
				if string(r.Key) != "k" || string(r.Value) != "value" {
					t.Errorf("offset %d has key %q and value %q", r.Offset, r.Key, r.Value)
				}
			}
			if !slices.Equal(got, test.want) || f.next != test.next {
				t.Errorf("got records %v and next offset %d, want %v and %d", got, f.next, test.want, test.next)
			}
		})
	}
}

func TestDecodeTimes(t *testing.T) {
	for _, test := range []struct {
		name       string
		attributes int16
		want       int64 // ms
	}{
		{"the producer's", 0, 1002},
		{"the broker's, which stamps the batch", logAppendTime, 9000},
	} {
		f := &fetched{}
		if err := f.decode(batch(0, 2, test.attributes, -1, 2), nil); err != nil {
			t.Fatal(err)
		}
		if got := f.Records[0].Time; got.UnixMilli() != test.want || got.Location() != time.UTC {
			t.Errorf("%s time is %s, want %d ms", test.name, got, test.want)
		}
	}
	raw := batch(0, 0, 0, -1, 0)
	binary.BigEndian.PutUint64(raw[27:], ^uint64(0)) // the first timestamp is -1: none
	f := &fetched{}
	if err := f.decode(sign(raw), nil); err != nil {
		t.Fatal(err)
	}
	if got := f.Records[0].Time; !got.IsZero() {
		t.Errorf("a record without a time has %s", got)
	}
}

// edited is a batch of one record with a byte changed.
func edited(base int64, at int, value byte) []byte {
	raw := batch(base, base, 0, -1, base)
	raw[at] = value
	return raw
}

func TestDecodeRefusesWhatItCannotTrust(t *testing.T) {
	edit := func(at int, value byte) []byte { return edited(10, at, value) }
	for _, test := range []struct {
		name, want string
		set        []byte
	}{
		{"more records than a fetch may hold", "more than 1048576 records", sign(edit(58, 0x10))},
		{"a flipped bit", "checksum", edit(70, 0xff)},
		{"an old message format", "format 1", edit(magicAt, 1)},
		{"a codec that is not known", "compression 7", sign(edit(crcFrom+1, 7))},
		{"what is not compressed as it says", "unpacking", sign(edit(crcFrom+1, 4))},
		{"fewer records than it counts", "malformed", sign(edit(60, 2))},
		{"records from before what was asked for", "none at the offset", batch(8, 9, 0, -1, 8, 9)},
		{"a first batch that is cut", "none at the offset", batch(10, 10, 0, -1, 10)[:40]},
	} {
		f := &fetched{next: 10}
		if err := f.decode(test.set, nil); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got error %v, want one that says %q", test.name, err, test.want)
		} else if damage, ok := errors.AsType[*unreadableError](err); !ok || damage.offset != 10 || damage.next != 11 {
			t.Errorf("%s: got error %#v, want one of offset 10 up to 11", test.name, err)
		}
	}
}

func TestDecodeBoundsWhatItUnpacks(t *testing.T) {
	t.Parallel()
	const most = maxUnpacked/2 + 1
	packed := zipped(t, kmsg.Record{Value: make([]byte, most)})
	set := slices.Concat(gzipBatch(0, packed), gzipBatch(1, packed))
	for offset := range int64(2) {
		f := &fetched{next: offset}
		if err := f.decode(set, nil); err != nil {
			t.Fatal(err)
		}
		if len(f.Records) != 1 || len(f.Records[0].Value) != most || f.next != offset+1 {
			t.Fatalf("from offset %d came %d records up to %d, want the one that fits", offset, len(f.Records), f.next)
		}
		set = gzipBatch(1, packed)
	}
	f := &fetched{}
	err := f.decode(gzipBatch(0, slices.Concat(packed, packed)), nil)
	if err == nil || !strings.Contains(err.Error(), "more than 64 MiB") {
		t.Errorf("a batch that is too large by itself: %v", err)
	}
}

// zipped is what a record takes in a batch that is compressed with gzip.
func zipped(t *testing.T, r kmsg.Record) []byte {
	t.Helper()
	r.Length = int32(len(r.AppendTo(nil)) - 1) // its own, still 0, takes a byte
	var packed bytes.Buffer
	w, err := gzip.NewWriterLevel(&packed, gzip.BestSpeed)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(r.AppendTo(nil)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return packed.Bytes()
}

// gzipBatch is a batch of one record that is compressed already.
func gzipBatch(base int64, packed []byte) []byte {
	b := kmsg.RecordBatch{FirstOffset: base, Magic: 2, Attributes: 1, NumRecords: 1, Records: packed}
	raw := b.AppendTo(nil)
	binary.BigEndian.PutUint32(raw[8:], uint32(len(raw)-batchPrefix))
	return sign(raw)
}

// FuzzParse feeds answers that no broker would send: they must not panic, take
// memory without bound, or move backwards.
func FuzzParse(f *testing.F) {
	answer := func(set []byte) []byte {
		b := binary.BigEndian.AppendUint32(nil, correlation)
		b = append(b, make([]byte, 4+2+4)...) // throttle, error, session
		b = append(b, 0, 0, 0, 1, 0, 1, 't', 0, 0, 0, 1)
		b = append(b, make([]byte, 4+2+8+8+8)...) // partition, error, offsets
		b = append(b, 0, 0, 0, 1)
		b = append(b, make([]byte, 16)...) // an aborted transaction
		b = binary.BigEndian.AppendUint32(b, uint32(len(set)))
		return append(b, set...)
	}
	f.Add(answer(nil))
	f.Add(answer(batch(10, 12, 0, -1, 10, 11)))
	f.Add(answer(slices.Concat(batch(8, 9, transactional, 1, 8), batch(10, 10, control, 1, 10), batch(11, 11, 4, 1, 11))))
	f.Fuzz(func(t *testing.T, data []byte) {
		// Most inputs would end at the checksum.
		if at := len(answer(nil)); len(data) > at+crcFrom {
			sign(data[at:])
		}
		into := &fetched{next: 10}
		if err := into.parse(data); err != nil {
			return
		}
		last := int64(9)
		for _, r := range into.Records {
			if r.Offset < 10 {
				t.Fatalf("offset %d is from before what was asked for", r.Offset)
			}
			last = max(last, r.Offset)
		}
		if into.next < 10 {
			t.Fatalf("the next offset is %d", into.next)
		}
	})
}
