//go:build unix

package handler_test

import (
	"net"
	"testing"

	"videosdk-auth-endpoint/handler"
)

// TestUnreadRequestsAreSeen: whose request has arrived is not waited for, however late it is read.
func TestUnreadRequestsAreSeen(t *testing.T) {
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	client, err := new(net.Dialer).DialContext(t.Context(), "tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	conn, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if handler.HasSent(conn) {
		t.Error("nothing was sent")
	}
	if _, err := client.Write([]byte("POST")); err != nil {
		t.Fatal(err)
	}
	if !handler.HasSent(conn) {
		t.Error("what was sent is not seen")
	}
	if n, err := conn.Read(make([]byte, 8)); n != 4 || err != nil {
		t.Errorf("read %d bytes: %v", n, err)
	}
	if handler.HasSent(conn) {
		t.Error("all was read")
	}
}
