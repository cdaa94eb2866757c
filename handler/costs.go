package handler

// These constants say how many bytes a connection makes the service hold. They were measured with 300 to 2,000
// connections at once, each of which had sent its part and waited: live heap and stacks, divided by the number of
// connections.
const (
	// openCost is an open connection: 18.5 KiB were measured, of which 8 KiB are the stack and 8 KiB net/http's two
	// buffers.
	openCost = 20 << 10
	// requestCost is what a request under way takes beside its bytes: 6 to 8 KiB were measured.
	requestCost = 8 << 10
	// byteCost is for every byte of a request: a buffer that grows to take it is up to twice as long.
	byteCost = 2
	// lineCost is for every line of a header. net/http makes a map of them: 100 bytes for each were measured.
	lineCost = 100
	// shortLine is the length from which a line costs as much. Shorter names are too few to fill a map.
	shortLine = 5
	// shortCost is the most that a connection with a usual request costs, such as one of 4 KiB in 40 lines that follows an
	// answer.
	shortCost = 43 << 10
	// bufferCost is one of the kernel's buffers for a connection when it is full. The kernel doubles its length, for what
	// surrounds the data.
	bufferCost = kernelWeight * 2 * kernelBuffer
	// closingCost is a connection that was answered before everything had arrived: what its client goes on sending
	// fills the kernel's buffer until the connection is closed half a second later.
	closingCost = openCost + bufferCost
)

const (
	// kernelBuffer is the length of the kernel's buffers for a connection. There is one for each direction, and a usual
	// request fits, or an answer. When the kernel chose the length, it kept 715 MiB for 1,400 clients that never read.
	// The memory limit of a container counts that.
	kernelBuffer = 8 << 10
	// kernelWeight makes a byte that the kernel keeps count for several. GOMEMLIMIT does not bound what the kernel
	// keeps, so that all of it must fit beside, into a fifth of a container's memory.
	kernelWeight = 4
)
