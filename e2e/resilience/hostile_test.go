//go:build resilience && linux

package resilience_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"videosdk-auth-endpoint/internal/servicetest"
)

// hostility is an attack, and what it must come to.
type hostility struct {
	begin func(a *attackers)
	// want are the outcomes that there must be, each so many times, and no others but those that may be
	want map[string]int
	may  []string
	// env is what the service is set up with beside its credentials; nil for nothing
	env func(*testing.T) []string
	// rush says that more come at once than there is room for: then new connections wait, some of the healthy client's too
	rush bool
}

// attacks are what hostile clients do, by name.
func attacks() map[string]hostility {
	token := func(properties string) string { return `{"sessionName":"a","role":1` + properties + `}` }
	filled := func(size int, with string) string { return with + strings.Repeat(" ", size-len(with)) }
	const each = 40 * time.Millisecond // 100 exchanges a second of 4 clients

	all := map[string]hostility{
		"500 slow headers, a byte a second": {
			begin: func(a *attackers) { a.drip(500, "POST / HTTP/1.1\r\nHost: a\r\nX-Slow: ", "a") },
			want:  map[string]int{"408": 500},
		},
		"500 slow bodies, a byte a second": {
			begin: func(a *attackers) { a.drip(500, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n", " ") },
			want:  map[string]int{"408": 500},
		},
		"5000 idle keep-alive connections": {
			begin: func(a *attackers) { a.idle(5000) },
			want:  map[string]int{"200": pairs * 5000},
		},
		"bodies of exactly BODY_LIMIT": {
			begin: func(a *attackers) {
				for _, request := range [][]byte{post(filled(bodyLimit, token(""))), chunked(filled(bodyLimit, token(""))), post(filled(bodyLimit, `{"sessionName":`)), post(filled(bodyLimit, ""))} {
					a.repeat(1, each, func() string { return a.exchange(request) })
				}
			},
			want: map[string]int{"200": 50, "400": 50},
		},
		"bodies of one byte more than BODY_LIMIT": {
			begin: func(a *attackers) {
				for _, request := range [][]byte{post(filled(bodyLimit+1, token(""))), chunked(filled(bodyLimit+1, token("")))} {
					a.repeat(2, each, func() string { return a.exchange(request) })
				}
			},
			want: map[string]int{"413": 100},
		},
		"chunked bodies without end": {
			begin: func(a *attackers) { a.repeat(8, 2*each, a.endless) },
			want:  map[string]int{"413": 100},
		},
		"deep nesting": {
			begin: func(a *attackers) {
				deep := strings.Repeat("[", bodyLimit-100)
				for _, body := range []string{deep, token(`,"geoRegions":` + deep), token(`,"unknown":` + deep), strings.Repeat(`{"a":`, bodyLimit/6)} {
					a.repeat(1, each, func() string { return a.exchange(post(body)) })
				}
			},
			want: map[string]int{"400": 100},
		},
		"huge numbers": {
			begin: func(a *attackers) {
				digits := strings.Repeat("9", 7_000)
				for _, body := range []string{`{"sessionName":"a","role":1e999999}`, `{"sessionName":"a","role":` + digits + `}`, token(`,"expirationSeconds":"` + digits + `"`), token(`,"unknown":-1e999999`)} {
					a.repeat(1, each, func() string { return a.exchange(post(body)) })
				}
			},
			// a property that is not known is not read, whatever it is
			want: map[string]int{"400": 50, "200": 10},
		},
		"invalid UTF-8": {
			begin: func(a *attackers) {
				for _, body := range []string{token(`,"userIdentity":"` + "\xff\xc0\xaf\xed\xa0\x80" + `"`), token(`,"` + "\xfe" + `":"` + strings.Repeat("\x80", 7_000) + `"`)} {
					a.repeat(2, each, func() string { return a.exchange(post(body)) })
				}
			},
			// in a property that is signed it is an error, and anywhere else it is ignored
			want: map[string]int{"200": 50, "400": 50},
		},
		"pipelines of 100 requests in one write": {
			begin: func(a *attackers) { a.repeat(4, 400*time.Millisecond, func() string { return a.pipeline(100) }) },
			want:  map[string]int{"all answered in order": 20},
		},
		"half-closed connections": {
			begin: func(a *attackers) { a.repeat(4, each, func() string { return a.exchangeToTheEnd(post(readme), true) }) },
			want:  map[string]int{"200": 100},
		},
		"HTTP/1.0": {
			begin: func(a *attackers) {
				request := fmt.Appendf(nil, "POST / HTTP/1.0\r\nContent-Length: %d\r\n\r\n%s", len(readme), readme)
				a.repeat(4, each, func() string { return a.exchangeToTheEnd(request, false) })
			},
			want: map[string]int{"200": 100},
		},
		"HTTP/2 without TLS": {
			begin: func(a *attackers) {
				// the preface, and an empty SETTINGS frame
				preface := []byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00")
				a.repeat(4, each, func() string { return a.exchangeToTheEnd(preface, false) })
			},
			want: map[string]int{"404": 100},
		},
		"clients that never read an answer": {
			begin: func(a *attackers) { a.neverRead(5) },
			want:  map[string]int{cut: 5},
		},
		"headers of 1 MiB": {
			begin: func(a *attackers) {
				request := post(readme, "X-Large: "+strings.Repeat("a", 1<<20))
				a.repeat(4, each, func() string { return a.exchange(request) })
			},
			want: map[string]int{"431": 100},
		},
	}
	maps.Copy(all, slowAttacks())
	maps.Copy(all, tokenAttacks())
	return all
}

// TestHostileClients: whatever one client does, the others get their tokens as before, within the chart's memory limit,
// and nothing of it stays once it has gone.
func TestHostileClients(t *testing.T) {
	all := attacks()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		t.Run(name, func(t *testing.T) {
			want := all[name].want
			var env []string
			if all[name].env != nil {
				env = all[name].env(t)
			}
			s := start(t, env...)
			healthy := startLoad(t, s.URL)
			if all[name].rush {
				healthy.base = 250 * time.Millisecond // as long as a connection may keep the service waiting
			}
			healthy.connected(t)
			before, most := s.goroutines(t), 0.0
			seen := newTally()
			var hostile *gang
			leave := func() {
				if hostile != nil {
					hostile.leave(t)
					hostile = nil
				}
			}
			t.Cleanup(leave)
			asBefore := func() {
				leave()
				servicetest.Eventually(t, 20*time.Second, fmt.Sprintf("%d goroutines, as before the attack", before), func() bool { return s.goroutines(t) <= before })
			}
			healthy.compare(t,
				func(int) { asBefore() },
				func(int) {
					hostile = attack(t, name, s.host(), seen)
					most = max(most, s.metric(t, "go_goroutines"))
				})
			for outcome, n := range want {
				// what the service ends by a timeout of its own takes until then: 15 s at most
				servicetest.Eventually(t, 30*time.Second, fmt.Sprintf("%d × %s", n, outcome), func() bool { return seen.of(outcome) >= n })
			}
			most = max(most, s.metric(t, "go_goroutines"))
			asBefore()
			pass(t, 500*time.Millisecond) // right after it, too
			after := s.goroutines(t)
			healthy.noneFailed(t)
			s.staysSmall(t)
			t.Logf("attackers: %v", seen)
			t.Logf("goroutines: %d before, %.0f during, %d after", before, most, after)
			for outcome := range seen.report.Outcomes {
				if want[outcome] == 0 && !slices.Contains(all[name].may, outcome) {
					t.Errorf("an attacker saw %q", outcome)
				}
			}
			if lines := s.with(`"severity":"ERROR"`); len(lines) > 0 {
				t.Errorf("%d errors in the log: %v", len(lines), lines[0])
			}
		})
	}
}
