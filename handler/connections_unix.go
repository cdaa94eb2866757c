//go:build unix

package handler

import (
	"net"
	"syscall"
)

func (n *connection) hasSent() bool {
	tcp, ok := n.Conn.(*net.TCPConn)
	if !ok {
		return false
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return false
	}
	sent := 0
	_ = raw.Control(func(fd uintptr) {
		sent, _, _ = syscall.Recvfrom(int(fd), make([]byte, 1), syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
	})
	return sent > 0
}
