package simulate

import (
	"math/bits"
	"math/rand/v2"
	"time"
)

// dice is where all chance comes from. It works with whole numbers alone: a
// processor may round a sum of products in more than one way, and the same seed
// is to give the same bytes on each of them.
type dice struct{ source *rand.PCG }

func newDice(seed uint64) dice { return dice{rand.NewPCG(seed, 0x686f6c6466617374)} }

// below is a whole number from 0 to n-1.
func (d dice) below(n int) int {
	high, _ := bits.Mul64(d.source.Uint64(), uint64(n))
	return int(high)
}

// from is a whole number from low to high, both possible.
func (d dice) from(low, high int) int { return low + d.below(high-low+1) }

// chance is true with a probability. Scaling it by a power of two is exact.
func (d dice) chance(p float64) bool {
	return float64(d.source.Uint64()>>11) < p*(1<<53)
}

// between is a duration from low to high, in whole milliseconds above low.
func (d dice) between(low, high time.Duration) time.Duration {
	span := int((high - low) / time.Millisecond)
	return low + time.Duration(d.below(span+1))*time.Millisecond
}

// curve is a distribution, as points of its quantile function: straight lines
// between them. The shares, in ten thousandths, rise from 0 to 10,000.
type curve []point

type point struct {
	share int
	value time.Duration
}

// draw takes a value from a distribution, to the millisecond.
func (d dice) draw(c curve) time.Duration {
	u := d.below(10_000 << 10)
	i := 1
	for u >= c[i].share<<10 {
		i++
	}
	low, high := c[i-1], c[i]
	span := int64(high.value-low.value) / int64(time.Millisecond)
	into, width := int64(u-low.share<<10), int64(high.share-low.share)<<10
	return low.value + time.Duration(span*into/width)*time.Millisecond
}

// mix is a number that looks like chance and is a function of others:
// SplitMix64's finalizer. What never changes of an account, a device or an address
// comes from it, and so need not be kept.
func mix(seed, a, b uint64) uint64 {
	x := seed*0x9e3779b97f4a7c15 + a*0xd1342543de82ef95 + b*0x94d049bb133111eb
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
