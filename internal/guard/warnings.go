package guard

import (
	"fmt"
	"os"
	"runtime"
	"slices"
)

// Warnings say what the configuration allows although it is seldom meant.
func (g *Guard) Warnings() (warnings []string) {
	warn := func(when bool, text string) {
		if when {
			warnings = append(warnings, text)
		}
	}
	c, policy := g.config, g.policy.Load()
	bySubject := policy != nil && policy.reads("caller", "subject")
	warn(bySubject && len(g.Methods()) > 1 && !policy.reads("caller", "method"),
		"The policy looks at caller.subject and never at caller.method, although callers are known in several ways: a "+
			"user of the same name as an API key is then given what the key is given. Compare caller.method too.")
	warn(len(c.Issuers) > 1 && (c.IdentityClaim != "" || bySubject && !policy.reads("", "iss")),
		"AUTH_ISSUER lists several issuers, and two of their users may have the same name: look at caller.claims.iss in "+
			"the policy, and take an AUTH_IDENTITY_CLAIM that is different for every user.")
	const writable = "Others than its owner can write the file of %s, and so decide who gets tokens. Take that right " +
		"away: chmod go-w."
	warn(othersCanWrite(c.APIKeysFile), fmt.Sprintf(writable, "AUTH_API_KEYS_FILE"))
	warn(othersCanWrite(c.PolicyFile), fmt.Sprintf(writable, "AUTH_POLICY_FILE"))
	warn(c.verifiesTokens() && len(c.Issuers) == 0, "AUTH_JWKS_URL without AUTH_ISSUER: tokens of every issuer that "+
		"these keys sign for are taken. Set AUTH_ISSUER, or ask for caller.claims.iss in the policy.")
	isPlain := func(address string) bool { return address != "" && !isProviderURL(address, false) }
	warn(slices.ContainsFunc(slices.Concat(c.Issuers, c.JWKSURLs), isPlain), "AUTH_DANGEROUSLY_ALLOW_HTTP: key sets are "+
		"fetched by http. Whoever is on the way to them can replace the keys, and make tokens for anybody.")
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
