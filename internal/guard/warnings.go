package guard

import (
	"fmt"
	"os"
	"runtime"
	"slices"
)

// Warnings say what the configuration allows although it is seldom meant.
func (g *Guard) Warnings() []string {
	var warnings []string
	policy := g.policy.Load()
	if policy != nil && len(g.Methods()) > 1 && policy.asks("subject") && !policy.asks("method") {
		warnings = append(warnings, "The policy looks at caller.subject and never at caller.method, although callers are known in several ways: "+
			"a user of the same name as an API key is then given what the key is given. Compare caller.method too.")
	}
	if len(g.config.Issuers) > 1 && (g.config.IdentityClaim != "" || policy != nil && policy.asks("subject") && !policy.selects("iss")) {
		warnings = append(warnings, "AUTH_ISSUER lists several issuers, and two of their users may have the same name: look at caller.claims.iss "+
			"in the policy, and take an AUTH_IDENTITY_CLAIM that is different for every user.")
	}
	for _, file := range []struct{ variable, path string }{
		{"AUTH_API_KEYS_FILE", g.config.APIKeysFile}, {"AUTH_POLICY_FILE", g.config.PolicyFile},
	} {
		if othersCanWrite(file.path) {
			warnings = append(warnings, fmt.Sprintf("Others than its owner can write the file of %s, and so decide who gets tokens. Take that right away: chmod go-w.", file.variable))
		}
	}
	return append(warnings, g.config.userWarnings()...)
}

// userWarnings are about settings of users' tokens that leave more open than most want.
func (c *Config) userWarnings() []string {
	var warnings []string
	if c.verifiesTokens() && len(c.Issuers) == 0 {
		warnings = append(warnings, "AUTH_JWKS_URL without AUTH_ISSUER: tokens of every issuer that these keys sign for are taken. Set AUTH_ISSUER, or ask for caller.claims.iss in the policy.")
	}
	isPlain := func(address string) bool { return address != "" && !isProviderURL(address, false) }
	if slices.ContainsFunc(c.Issuers, isPlain) || slices.ContainsFunc(c.JWKSURLs, isPlain) {
		warnings = append(warnings, "AUTH_DANGEROUSLY_ALLOW_HTTP: key sets are fetched by http. Whoever is on the way to them can replace the keys, and make tokens for anybody.")
	}
	return warnings
}

// othersCanWrite says that the file's group, or everybody, may write it. Windows has no such rights.
func othersCanWrite(path string) bool {
	if path == "" || runtime.GOOS == "windows" {
		return false
	}
	info, err := os.Stat(path)
	return err == nil && info.Mode().Perm()&0o022 != 0
}
