//go:build !race

package signer_test

import "testing"

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
