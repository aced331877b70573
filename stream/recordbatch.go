package stream

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"time"

	"github.com/segmentio/kafka-go/compress"
)

// The layout of a record batch: message format 2, the only one that brokers
// have written since Kafka 0.11. Lengths and positions in bytes; see the Kafka
// protocol guide, "Record Batch".
const (
	batchPrefix = 8 + 4 // base offset, and the length of what follows
	magicAt     = batchPrefix + 4
	crcAt       = magicAt + 1
	crcFrom     = crcAt + 4 // the checksum covers the batch from here to its end
	magic2      = 2
)

// A batch's attributes.
const (
	compressionMask = 0b111
	logAppendTime   = 1 << 3
	transactional   = 1 << 4
	control         = 1 << 5
)

// A few KB can be made to unpack to gigabytes. What a fetch brings beyond these
// bounds is left to the next one; a batch that exceeds them alone can't be read.
const (
	// maxUnpacked bounds what the compressed batches of a fetch unpack to, in
	// bytes.
	maxUnpacked = 64 << 20
	// maxRecords bounds the records of a fetch: they can be as small as 7 bytes.
	maxRecords = 1 << 20
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// abortedTransaction is one that a fetch's range overlaps: what the producer
// wrote from the offset on, up to its next abort marker, never happened.
type abortedTransaction struct{ producer, first int64 }

// decode appends the records of a fetched record set to f.Records: those from
// f.next on that were committed. It moves f.next past all that it has seen, be
// it records or not. It stops before a batch that it can't read, which is an
// error if it is the first: so what comes before it is not held up. The records
// alias set, or f.unpacked.
func (f *fetched) decode(set []byte, aborted []abortedTransaction) error {
	open := map[int64]bool{} // producers inside an aborted transaction
	from, empty := f.next, len(set) == 0
	for len(set) >= batchPrefix {
		length := int64(binary.BigEndian.Uint32(set[batchPrefix-4:]))
		if length > int64(len(set)-batchPrefix) {
			break // the broker cut the set at the fetch's limit
		}
		raw := set[:batchPrefix+length]
		set = set[len(raw):]
		b, err := parseBatch(raw)
		kept := len(f.Records)
		for len(aborted) > 0 && aborted[0].first <= b.last() {
			open[aborted[0].producer] = true
			aborted = aborted[1:]
		}
		switch {
		case err != nil:
		case b.attributes&control != 0:
			delete(open, b.producer) // a marker ends the producer's transaction
		case b.attributes&transactional != 0 && open[b.producer]:
		default:
			err = f.decodeRecords(b, from)
		}
		if err != nil {
			f.Records = f.Records[:kept]
			if f.next > from {
				return nil
			}
			return f.unreadable(b.last()+1, err)
		}
		f.next = max(f.next, b.last()+1)
	}
	if !empty && f.next == from {
		return f.unreadable(from+1, errors.New("kafka sent records, but none at the offset asked for"))
	}
	return nil
}

// recordBatch is a batch's header, and its records as they came.
type recordBatch struct {
	base       int64 // offset of the first record
	lastDelta  int32 // the last offset, relative to base, even if compaction removed its record
	attributes int16
	firstTime  int64 // ms since the epoch
	maxTime    int64 // ms since the epoch
	producer   int64
	count      int32
	records    []byte
}

func (b *recordBatch) last() int64 { return b.base + int64(b.lastDelta) }

// parseBatch reads one whole batch. With an error comes what could be read.
func parseBatch(raw []byte) (*recordBatch, error) {
	c := cursor{rest: raw}
	b := &recordBatch{base: c.int64()}
	if len(raw) <= crcFrom {
		return b, errShort
	}
	if magic := raw[magicAt]; magic != magic2 {
		return b, fmt.Errorf("the records at offset %d are in message format %d, from before Kafka 0.11: only format 2 is supported",
			b.base, magic)
	}
	c.take(crcAt - 8) // length, partition leader epoch, magic
	crc := uint32(c.int32())
	b.attributes = c.int16()
	b.lastDelta = c.int32()
	b.firstTime = c.int64()
	b.maxTime = c.int64()
	b.producer = c.int64()
	c.take(2 + 4) // producer epoch, base sequence
	b.count = c.int32()
	b.records = c.rest
	if c.err != nil {
		return b, c.err
	}
	if crc32.Checksum(raw[crcFrom:], castagnoli) != crc {
		return b, fmt.Errorf("the record batch at offset %d is damaged: its checksum is wrong", b.base)
	}
	if b.lastDelta < 0 {
		return b, fmt.Errorf("the record batch at offset %d ends before it begins", b.base)
	}
	return b, nil
}

func (f *fetched) decodeRecords(b *recordBatch, from int64) error {
	if len(f.Records)+int(b.count) > maxRecords {
		return fmt.Errorf("the record batch at offset %d holds more than %d records", b.base, maxRecords)
	}
	records := b.records
	if codec := b.attributes & compressionMask; codec != 0 {
		start := len(f.unpacked)
		var err error
		if f.unpacked, err = unpack(f.unpacked, compress.Compression(codec), records); err != nil {
			return fmt.Errorf("unpacking the record batch at offset %d: %w", b.base, err)
		}
		records = f.unpacked[start:]
	}
	c := cursor{rest: records}
	for range b.count {
		r := cursor{rest: c.varbytes()}
		r.int8() // attributes, unused
		timeDelta := r.varint()
		offset := b.base + r.varint()
		key, value := r.varbytes(), r.varbytes() // headers follow
		if err := errors.Join(c.err, r.err); err != nil {
			return fmt.Errorf("the record batch at offset %d is malformed: %w", b.base, errShort)
		}
		if offset < from {
			continue // the broker sends whole batches
		}
		at := b.firstTime + timeDelta
		if b.attributes&logAppendTime != 0 {
			at = b.maxTime // the broker stamps the batch and leaves its records alone
		}
		record := Record{Offset: offset, Key: key, Value: value}
		if at >= 0 {
			record.Time = time.UnixMilli(at).UTC()
		}
		f.Records = append(f.Records, record)
	}
	return nil
}

// unpack appends what packed holds to dst, which it grows to maxUnpacked at most.
func unpack(dst []byte, compression compress.Compression, packed []byte) ([]byte, error) {
	codec := compression.Codec()
	if codec == nil {
		return dst, fmt.Errorf("compression %d is not known", compression)
	}
	r := codec.NewReader(bytes.NewReader(packed))
	defer func() { _ = r.Close() }()
	buffer := bytes.NewBuffer(dst)
	_, err := buffer.ReadFrom(io.LimitReader(r, int64(maxUnpacked-len(dst)+1)))
	if err == nil && buffer.Len() > maxUnpacked {
		err = fmt.Errorf("it holds more than %d MiB", maxUnpacked>>20)
	}
	return buffer.Bytes(), err
}
