package binlog

import (
	"encoding/binary"

	"github.com/cespare/xxhash/v2"
)

// A Bloom filter over the primary keys of a segment: blocks of 256 bits, a key
// sets one bit in each of a block's eight words (Putze, Sanders, Singler:
// "Cache-, Hash- and Space-Efficient Bloom Filters", 2007; the block layout is
// the split block of Parquet's specification).
type Bloom struct {
	words []uint32 // 8 a block
}

const (
	bloomWords   = 8  // words of a block
	bloomKeyBits = 12 // bits a key: about one false positive in 200
)

// bloomSalt are odd multipliers, one a word.
var bloomSalt = [bloomWords]uint32{
	0x47b6137b, 0x44974d91, 0x8824ad5b, 0xa2b7289d, 0x705495c7, 0x2df1424b, 0x9efc4947, 0x5c6bfb31,
}

// NewBloom returns an empty filter for a number of keys.
func NewBloom(keys int) *Bloom {
	blocks := (keys*bloomKeyBits + 255) / 256
	return &Bloom{words: make([]uint32, max(blocks, 1)*bloomWords)}
}

// HashInt64 and HashBytes are the hashes of primary keys that filters take.
func HashInt64(key int64) uint64 {
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], uint64(key))
	return xxhash.Sum64(b[:])
}

// HashBytes is the hash of a VarChar primary key.
func HashBytes(key []byte) uint64 { return xxhash.Sum64(key) }

func (b *Bloom) block(hash uint64) []uint32 {
	blocks := uint64(len(b.words) / bloomWords)
	i := (hash >> 32) * blocks >> 32 * bloomWords
	return b.words[i : i+bloomWords : i+bloomWords]
}

// Add puts a key's hash into the filter.
func (b *Bloom) Add(hash uint64) {
	block := b.block(hash)
	for i, salt := range bloomSalt {
		block[i] |= 1 << (uint32(hash) * salt >> 27)
	}
}

// MayContain reports false only if the key of the hash was not added.
func (b *Bloom) MayContain(hash uint64) bool {
	block := b.block(hash)
	for i, salt := range bloomSalt {
		if block[i]>>(uint32(hash)*salt>>27)&1 == 0 {
			return false
		}
	}
	return true
}
