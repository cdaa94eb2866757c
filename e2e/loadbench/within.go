package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
)

// within looks for the rate at which the service uses no more CPU than a Pod's request, in thousandths of a core. A request costs
// more at a low rate than under full load, as the process wakes up for each, so the rate has to be found by trying.
func within(ctx context.Context, dir, bin string, rounds, request int, l load) error {
	provider, err := startProvider()
	if err != nil {
		return err
	}
	defer provider.Close()
	keys := filepath.Join(dir, "keys")
	if err := os.WriteFile(keys, []byte(apiKeyLine), 0o600); err != nil {
		return err
	}
	const policy = `AUTH_POLICY=request.role == 0 || caller.subject == "backend" || "teachers" in caller.claims.groups`
	fmt.Printf("%d rounds of %d s, %d connections; each but the first at the rate that the medians before it give for %dm CPU\n\n", rounds, l.seconds, l.connections, request)
	fmt.Println("| | requests/s | CPU µs/request | p99 ms |\n|---|---|---|---|")
	for _, v := range []*variant{
		{name: "open", env: credentials},
		{name: "API key and policy", env: append([]string{policy, "AUTH_API_KEYS_FILE=" + keys}, credentials...), bearer: apiKey},
		{name: "user's token by RS256 and policy", env: append([]string{policy, "AUTH_ISSUER=" + provider.URL, "AUTH_AUDIENCE=app"}, credentials...), bearer: provider.rs256},
	} {
		v.command = filepath.Join(bin, "videosdk-auth-endpoint")
		l.rate = 1000
		for range rounds {
			r, err := measure(ctx, v, dir, l)
			if err != nil {
				return fmt.Errorf("%s: %w", v.name, err)
			}
			v.results = append(v.results, r)
			l.rate = float64(request) * 1000 / v.median(func(r result) float64 { return r.cpu })
		}
		last := v.results[len(v.results)-1]
		fmt.Printf("| %s | %.0f | %.0f | %.1f |\n", v.name, l.rate, float64(request)*1000/l.rate, last.p99)
	}
	return nil
}
