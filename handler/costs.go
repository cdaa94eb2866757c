package handler

import "bytes"

// What a connection makes the service hold, in bytes. The constants were measured with 300 to 2,000 connections at once,
// each of which had sent its part and waited: live heap and stacks, divided by the connections.
const (
	// openCost is an open connection: 18.5 KiB were measured, of which 8 KiB are the stack and 8 KiB net/http's two buffers.
	openCost = 20 << 10
	// requestCost is what a request under way takes beside its bytes: 6 to 8 KiB were measured.
	requestCost = 8 << 10
	// byteCost is for every byte of a request: a buffer that grows to take it is up to twice as long.
	byteCost = 2
	// lineCost is for every line of a header. net/http makes a map of them: 100 bytes for each were measured.
	lineCost = 100
	// shortLine is the shortest line that costs as much. There are few shorter names.
	shortLine = 5
	// closingCost is a connection that was answered before everything had arrived: what its client goes on sending fills
	// the kernel's buffer, 64 KiB at first, until the connection is closed half a second later.
	closingCost = 84 << 10
)

// costOf returns what a part of a request costs, and how much of that is for lines. The lines of a body are charged too, as
// they can't be told from those of a header that is sent ahead.
func costOf(part []byte) (all, lines int64) {
	lines = lineCost * int64(min(bytes.Count(part, []byte{'\n'}), len(part)/shortLine))
	return lines + byteCost*int64(len(part)), lines
}
