package guard

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"videosdk-auth-endpoint/internal/env"
	"videosdk-auth-endpoint/internal/files"

	"golang.org/x/net/http/httpguts"
)

// Config is what the environment sets of callers and of what they may have. With none of its methods the endpoint is
// open: it signs for everybody.
type Config struct {
	Issuers          env.List      `desc:"the OpenID issuer of your users' tokens, or several, comma-separated; the key set of each is found by discovery" envconfig:"AUTH_ISSUER"`
	JWKSURLs         env.List      `desc:"the URL of the key set, if there is no discovery; with several issuers one for each, in the same order, empty for discovery" envconfig:"AUTH_JWKS_URL"`
	Audience         env.List      `desc:"the audiences that your users' tokens may be for, comma-separated; required with either of the two above" envconfig:"AUTH_AUDIENCE"`
	AudienceClaims   env.List      `default:"aud" desc:"the claim that has the audience, such as client_id; of several, comma-separated, the first that the token has" envconfig:"AUTH_AUDIENCE_CLAIM"`
	DangerousHTTP    bool          `default:"false" desc:"true allows http URLs of issuers and key sets; anybody on the way to them can then make tokens for anybody" envconfig:"AUTH_DANGEROUSLY_ALLOW_HTTP"`
	MaxTTL           time.Duration `default:"24h" desc:"how far ahead the exp of a user's token may lie" envconfig:"AUTH_TOKEN_MAX_TTL"`
	RefreshInterval  time.Duration `default:"15m" desc:"how often the key set is fetched again, 1s or more; a token with an unknown key makes it sooner" envconfig:"AUTH_JWKS_REFRESH_INTERVAL"`
	APIKeysFile      string        `desc:"a file of names and SHA-256 hashes of API keys, read again when it changes; the command apikey makes a line" envconfig:"AUTH_API_KEYS_FILE"`
	APIKeys          string        `desc:"the same lines with commas between, instead of a file, for platforms without files" envconfig:"AUTH_API_KEYS"`
	ProxyHeader      string        `desc:"the header in which an identity-aware proxy names the user; believed only from TRUSTED_PROXIES" envconfig:"AUTH_PROXY_HEADER"`
	Policy           string        `desc:"a CEL expression over caller and request that must be true for a token" envconfig:"AUTH_POLICY"`
	PolicyFile       string        `desc:"a file that holds the policy, instead of AUTH_POLICY" envconfig:"AUTH_POLICY_FILE"`
	TrustedProxies   Proxies       `desc:"the addresses or CIDR ranges of proxies whose X-Forwarded-For and AUTH_PROXY_HEADER are believed, comma-separated; none: client addresses come from the connection" envconfig:"TRUSTED_PROXIES"`
	IdentityClaim    string        `desc:"the claim that names the user in Zoom's token, whatever the request says, such as sub or realm_access.name; sub is also a proxy's user" envconfig:"AUTH_IDENTITY_CLAIM"`
	IdentityProperty string        `default:"userKey" desc:"the property that gets the name, userKey or userIdentity; if a request also sends the other one, that gets the same name" envconfig:"AUTH_IDENTITY_PROPERTY"`
}

// checkedClaims lists the claims that a user's token must have.
func (c *Config) checkedClaims() string {
	names := []string{"exp"}
	if len(c.Issuers) > 0 {
		names = append(names, "iss")
	}
	return strings.Join(append(names, strings.Join(c.AudienceClaims, " or ")), ", ") + ", and with a sub that is text"
}

func (c *Config) verifiesTokens() bool { return len(c.Issuers) > 0 || len(c.JWKSURLs) > 0 }

// keySources are where the key sets are: one for each issuer.
func (c *Config) keySources() []keySource {
	issuers := c.Issuers
	if len(issuers) == 0 {
		issuers = env.List{""}
	}
	sources := make([]keySource, len(issuers))
	for i, issuer := range issuers {
		sources[i] = keySource{issuer: issuer, http: c.DangerousHTTP}
		if i < len(c.JWKSURLs) {
			sources[i].url = c.JWKSURLs[i]
		}
	}
	return sources
}

// identityProperties name a user in Zoom's token. Where a token has both claims, Zoom uses userKey's.
var identityProperties = []string{"userKey", "userIdentity"}

// Validate returns every mistake of the settings, joined. It reads no file: New does.
func (c *Config) Validate() error {
	users, pins := c.verifiesTokens(), c.IdentityClaim != ""
	return errors.Join(
		c.validateURLs(),
		env.WrongIf(users && len(c.Audience) == 0, "AUTH_AUDIENCE: required with AUTH_ISSUER and AUTH_JWKS_URL: "+
			"without it, tokens that the provider made for other apps would be accepted"),
		env.WrongIf(!users && len(c.Audience) > 0,
			"AUTH_AUDIENCE: does nothing without AUTH_ISSUER or AUTH_JWKS_URL; set one of them, or remove it"),
		env.WrongIf(slices.Contains(c.Audience, ""),
			"AUTH_AUDIENCE: want audiences with commas between, none of them empty"),
		env.WrongIf(users && (len(c.AudienceClaims) == 0 || slices.Contains(c.AudienceClaims, "")),
			"AUTH_AUDIENCE_CLAIM: want the name of a claim such as aud, client_id or azp, or several with commas between"),
		env.WrongIf(c.MaxTTL < time.Minute, "AUTH_TOKEN_MAX_TTL: want 1m or more"),
		env.WrongIf(c.RefreshInterval < time.Second, "AUTH_JWKS_REFRESH_INTERVAL: want 1s or more"),
		env.WrongIf(c.ProxyHeader != "" && !httpguts.ValidHeaderFieldName(c.ProxyHeader) ||
			strings.EqualFold(c.ProxyHeader, "Authorization"),
			"AUTH_PROXY_HEADER: want the name of a header such as X-Forwarded-User, other than Authorization"),
		env.WrongIf(c.ProxyHeader != "" && len(c.TrustedProxies) == 0,
			"AUTH_PROXY_HEADER: needs TRUSTED_PROXIES: anybody could send the header otherwise"),
		env.WrongIf(c.Policy != "" && c.PolicyFile != "", "AUTH_POLICY: set it or AUTH_POLICY_FILE, not both"),
		env.WrongIf(c.APIKeys != "" && c.APIKeysFile != "", "AUTH_API_KEYS: set it or AUTH_API_KEYS_FILE, not both"),
		env.WrongIf(!slices.Contains(identityProperties, c.IdentityProperty),
			"AUTH_IDENTITY_PROPERTY: want userIdentity or userKey"),
		env.WrongIf(pins && !users && c.ProxyHeader == "",
			"AUTH_IDENTITY_CLAIM: needs users: set AUTH_ISSUER, AUTH_JWKS_URL or AUTH_PROXY_HEADER"),
		env.WrongIf(c.ProxyHeader != "" && pins && c.IdentityClaim != "sub" && !users,
			"AUTH_IDENTITY_CLAIM: want sub: a proxy's user has no other claim"),
	)
}

func (c *Config) validateURLs() error {
	isWrong := func(address string) bool { return !isProviderURL(address, true) }
	isPlain := func(address string) bool { return !isWrong(address) && !isProviderURL(address, c.DangerousHTTP) }
	urls := slices.DeleteFunc(slices.Clone(c.JWKSURLs), func(address string) bool {
		return address == "" && len(c.Issuers) > 0 // found by discovery
	})
	check := func(variable string, values env.List) error {
		anyWrong := slices.ContainsFunc(values, isWrong)
		return errors.Join(
			env.WrongIf(anyWrong, variable+": want a URL such as https://id.example.com"),
			env.WrongIf(!anyWrong && slices.ContainsFunc(values, isPlain), variable+": want an https URL: whoever is on the "+
				"way to an http URL can replace the keys, and make tokens for anybody. On this machine (localhost) http is "+
				"fine; elsewhere you must set AUTH_DANGEROUSLY_ALLOW_HTTP=true"),
		)
	}
	return errors.Join(
		check("AUTH_ISSUER", c.Issuers),
		check("AUTH_JWKS_URL", urls),
		env.WrongIf(len(slices.Compact(slices.Sorted(slices.Values(c.Issuers)))) < len(c.Issuers),
			"AUTH_ISSUER: has the same issuer twice"),
		env.WrongIf(len(c.JWKSURLs) > 0 && len(c.JWKSURLs) != max(1, len(c.Issuers)),
			"AUTH_JWKS_URL: want one URL for each issuer in AUTH_ISSUER, in the same order; leave an entry empty where "+
				"discovery finds the key set, as in: ,https://id.example.com/keys"),
	)
}

// policyText is the policy; empty where there is none.
func (c *Config) policyText() (string, error) {
	if c.PolicyFile == "" {
		return c.Policy, nil
	}
	text, err := files.Read(c.PolicyFile)
	switch {
	case err != nil:
		return "", fmt.Errorf("AUTH_POLICY_FILE: %w", err)
	case strings.TrimSpace(text) == "":
		return "", errors.New("AUTH_POLICY_FILE: the file is empty; write true into it to allow everything")
	}
	return text, nil
}

// policyVariable is the variable that the policy is from.
func (c *Config) policyVariable() string {
	if c.PolicyFile == "" {
		return "AUTH_POLICY"
	}
	return "AUTH_POLICY_FILE"
}
