//go:build !unix

package handler

// hasSent can't be asked here.
func (*connection) hasSent() bool { return false }
