//go:build !unix

package handler

// hasSent can't find out on this system.
func (*connection) hasSent() bool { return false }
