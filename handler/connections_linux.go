package handler

import (
	"errors"
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// kept is how many bytes the kernel keeps for a connection: of requests that were not read, and of answers that the
// client has not taken.
func kept(conn net.Conn) (unread, untaken int) {
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return 0, 0
	}
	if raw, err := tcp.SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) {
			unread, _ = unix.IoctlGetInt(int(fd), unix.TIOCINQ)
			untaken, _ = unix.IoctlGetInt(int(fd), unix.TIOCOUTQ)
		})
	}
	return unread, untaken
}

// bufferSizes sets them for all connections of a port, also for those that are not accepted yet.
func bufferSizes(_, _ string, listener syscall.RawConn) error {
	var receive, send error
	err := listener.Control(func(fd uintptr) {
		receive = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, kernelBuffer)
		send = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_SNDBUF, kernelBuffer)
	})
	return errors.Join(err, receive, send)
}
