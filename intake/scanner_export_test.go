package intake

import (
	"time"

	"github.com/holdfastd/holdfast"
)

// DecodeAny is Decode without the scanner.
func (d *Decoder) DecodeAny(value []byte, brokerTime time.Time, e *holdfast.Event) error {
	return d.decodeAny(value, brokerTime, e)
}

// ScanAlone is the scanner without what decides on the values that it turns down.
func ScanAlone(value string, brokerTime time.Time, e *holdfast.Event) bool {
	return scan(value, brokerTime, e)
}
