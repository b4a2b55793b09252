// Package natsmq holds the log on NATS JetStream, with the server embedded:
// no process beside, and no TCP port unless one is configured.
//
// A channel is a stream with one subject. Appends that wait are packed into
// one message (message.go), so that they share JetStream's one sync for each
// message; two messages are under way at a time, so that the next one travels
// while the last one is synced. Each message names the sequence number that
// it must get, the message before it by checksum, and its term.
//
// JetStream's own defaults lose data, in three ways that this package closes:
//   - it syncs every two minutes: SyncAlways is on, and what it leaves out, the
//     names of new files, is synced before an append is confirmed;
//   - it drops old messages when a limit is reached: the streams have no limit;
//     this package counts bytes and refuses;
//   - it cuts a block of messages at the first bad byte when it starts, and
//     goes on: the blocks are checked before it may see them (scan.go), and a
//     reader takes nothing that does not follow the message before it.
package natsmq
