package stream

import (
	"encoding/binary"
	"errors"
)

// errShort says that data ended in the middle of a field.
var errShort = errors.New("kafka sent data that ends in the middle of a field")

// cursor reads the fields of Kafka's encoding one after the other. After the
// first that does not fit it returns zero values, and err is set.
type cursor struct {
	rest []byte
	err  error
}

// take returns the next n bytes, without copying them.
func (c *cursor) take(n int) []byte {
	if c.err != nil {
		return nil
	}
	if n < 0 || n > len(c.rest) {
		c.err, c.rest = errShort, nil
		return nil
	}
	b := c.rest[:n:n]
	c.rest = c.rest[n:]
	return b
}

func (c *cursor) int8() int8 {
	if b := c.take(1); b != nil {
		return int8(b[0])
	}
	return 0
}

func (c *cursor) int16() int16 {
	if b := c.take(2); b != nil {
		return int16(binary.BigEndian.Uint16(b))
	}
	return 0
}

func (c *cursor) int32() int32 {
	if b := c.take(4); b != nil {
		return int32(binary.BigEndian.Uint32(b))
	}
	return 0
}

func (c *cursor) int64() int64 {
	if b := c.take(8); b != nil {
		return int64(binary.BigEndian.Uint64(b))
	}
	return 0
}

// varint reads an integer in zigzag encoding.
func (c *cursor) varint() int64 {
	if c.err != nil {
		return 0
	}
	v, n := binary.Varint(c.rest)
	if n <= 0 {
		c.err, c.rest = errShort, nil
		return 0
	}
	c.rest = c.rest[n:]
	return v
}

// string reads a string with its length, nil for a null one.
func (c *cursor) string() []byte { return c.sized(int64(c.int16())) }

// bytes reads bytes with their length, nil for null.
func (c *cursor) bytes() []byte { return c.sized(int64(c.int32())) }

// varbytes reads bytes with their length as a varint, nil for null.
func (c *cursor) varbytes() []byte { return c.sized(c.varint()) }

func (c *cursor) sized(n int64) []byte {
	if n < 0 || c.err != nil {
		return nil
	}
	if n > int64(len(c.rest)) {
		c.err, c.rest = errShort, nil
		return nil
	}
	return c.take(int(n))
}
