package guard

// Method is a way to know callers. The set is closed, so that its names can label a metric.
type Method struct {
	// Name is the metric's label, and what a policy reads as caller.method.
	Name string
	// Person says that the caller is a person: the log may hide the name, and AUTH_IDENTITY_CLAIM applies.
	Person bool
	// Cookie says that a browser proves who its user is by a cookie, which web pages must be allowed to send.
	Cookie bool
	// Credential says in words what a client must send; empty where it has nothing to send itself.
	Credential string
	// Scheme describes the credential in the API's description; nil where a client has nothing to send itself.
	Scheme *Scheme
}

// Scheme is a security scheme of OpenAPI whose type is http and whose scheme is bearer.
type Scheme struct{ Name, BearerFormat, Description string }

// The methods. None is that of an open endpoint.
var (
	None = &Method{Name: "none"}
	JWT  = &Method{
		Name: "jwt", Person: true, Credential: "the token of a signed-in user",
		Scheme: &Scheme{"user", "JWT", "a user's token, of the OpenID provider"},
	}
	APIKey = &Method{ //nolint:gosec // it describes a credential
		Name: "api_key", Credential: "an API key", Scheme: &Scheme{"backend", "", "an API key (vsk_…)"},
	}
	Proxy = &Method{Name: "proxy", Person: true, Cookie: true}
)
