//go:build resilience && linux

package resilience_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"videosdk-auth-endpoint/e2e/internal/slow"
)

// slowAttacks are clients who keep the service waiting, each with what would take the most memory.
func slowAttacks() map[string]hostility {
	attack := func(clients int, send string) func(*attackers) {
		return func(a *attackers) { a.slowly(slow.Clients{Number: clients, Send: send, Hold: 4 * time.Second}) }
	}
	env := func(variables ...string) func(*testing.T) []string {
		return func(*testing.T) []string { return variables }
	}
	users := env("AUTH_PROXY_HEADER=X-Forwarded-User", "TRUSTED_PROXIES=127.0.0.0/8", "AUTH_POLICY=true")
	closed := map[string]int{slow.Cut: 500}
	mayHold := []string{slow.Held}
	all := map[string]hostility{
		"2500 bodies of 100 KB less one byte": {
			begin: attack(2500, slow.Body(100_000)), want: map[string]int{"413": 500}, may: []string{slow.Cut},
		},
		"2500 bodies of 100 KB less one byte with BODY_LIMIT=100KiB": {
			begin: attack(2500, slow.Body(100_000)), want: closed, may: mayHold, env: env("BODY_LIMIT=100KiB"),
		},
		"3000 bodies of 20 KB with BODY_LIMIT=100KiB": {
			begin: attack(3000, slow.Body(20_000)), want: closed, may: mayHold, env: env("BODY_LIMIT=100KiB"),
		},
		"3000 bodies of 8 KB": {begin: attack(3000, slow.Body(8_000)), want: closed, may: mayHold},
		"5000 bodies of 10 B": {begin: attack(5000, slow.Body(10)), want: closed, may: mayHold},
		"2500 headers of 31 kB": {
			begin: attack(2500, slow.Header(31_000)), want: map[string]int{"431": 500}, may: []string{slow.Cut},
		},
		"2500 headers of 23 kB where users are authenticated": {begin: attack(2500, slow.Header(23_000)), want: closed, may: mayHold, env: users},
		"2500 headers of lines of 6 bytes":                    {begin: attack(2500, slow.Lines(7_900)), want: closed, may: mayHold},
		"2500 such headers sent ahead": {
			begin: attack(2500, slow.Ahead(4_000)), want: map[string]int{"200": 500}, may: []string{slow.Cut},
		},
	}
	for name, attack := range all {
		attack.rush = true
		all[name] = attack
	}
	all["user agents of 7 kB while the collector is slow"] = hostility{
		begin: func(a *attackers) {
			request := post(readme, "User-Agent: "+strings.Repeat("a", 7_000))
			a.repeat(10, 20*time.Millisecond, func() string { return a.exchange(request) })
		},
		want: map[string]int{"200": 500},
		env: func(t *testing.T) []string {
			t.Helper()
			address := fmt.Sprintf("127.0.0.1:%d", port(t))
			collector := &standIn{handler: func(_ http.ResponseWriter, r *http.Request) {
				select {
				case <-time.After(15 * time.Second):
				case <-r.Context().Done():
				}
			}}
			collector.listen(t, address)
			t.Cleanup(collector.close)
			return []string{"OTEL_EXPORTER_OTLP_ENDPOINT=http://" + address}
		},
	}
	return all
}

// slowly lets slow clients attack.
func (a *attackers) slowly(clients slow.Clients) {
	ctx, cancel := context.WithCancel(context.Background())
	a.done.Go(func() {
		defer cancel()
		<-a.gone
	})
	dial := func() (net.Conn, error) {
		conn, err := a.dial()
		return hanging{conn, a}, err
	}
	arrived := make(chan struct{})
	a.done.Go(func() {
		clients.Attack(ctx, dial, func() { close(arrived) }, func(outcome string) { a.saw(outcome) })
	})
	<-arrived
}

// hanging is a connection of an attacker, who counts it until it is closed.
type hanging struct {
	net.Conn
	a *attackers
}

func (h hanging) Close() error {
	h.a.hangUp(h.Conn)
	return nil
}
