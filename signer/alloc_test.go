//go:build !race

package signer_test

import (
	"strings"
	"testing"

	"videosdk-auth-endpoint/signer"
)

// TestSignAllocations guards what the benchmark counts: it is the same on every machine.
func TestSignAllocations(t *testing.T) {
	s := newSigner(t, defaults)
	grant, err := s.Validate(t.Context(), everything())
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	if n := testing.AllocsPerRun(1000, func() { _, _ = s.Sign(ctx, grant) }); n > 1 {
		t.Errorf("%v allocations, want 1: the token itself", n)
	}
}

// TestArrayAllocations: an array that can't be right is read no further than to the entry that shows it. A stranger may
// send thousands.
func TestArrayAllocations(t *testing.T) {
	count := func(text []byte) float64 { return testing.AllocsPerRun(100, func() { signer.ValueOf(text) }) }
	short, long := count([]byte("[0]")), count([]byte("["+strings.Repeat("0,", 5000)+"0]"))
	if long > short {
		t.Errorf("%v allocations for 5001 numbers, want as many as for one, %v", long, short)
	}
}
