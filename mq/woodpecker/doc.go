// Package woodpecker holds the project's own write-ahead log: segment files in
// one directory, written in place.
//
// A channel is a chain of segments. A segment is a file of fixed length whose
// blocks were allocated and filled with zeros before it is used, or that held
// records before; so appending overwrites, and fdatasync finds no length or
// extent to journal. What waits to be appended is packed into a block, one
// write and one sync for all, and the next block is written while the sync of
// the last one runs.
//
//	segment:  header page | block | block | ... | unused | seal page
//	block:    header | length, record | length, record | ... | padding | trailer
//
// Blocks begin and end at pages of 4 KiB, so a write never shares a sector
// with bytes that are already durable. A block names its segment, its place,
// the checksum of the block before, and how far the segment was durable when
// it was written. By that a reader tells what may happen from what may not:
// see Recover in recover.go for the rule that divides a torn tail from damage.
// docs/formats/wlog.md has the bytes.
//
// Files of a channel: <name>-<segment>.wlog, and <name>.cut, where reading
// begins.
package woodpecker
