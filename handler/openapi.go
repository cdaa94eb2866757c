package handler

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"videosdk-auth-endpoint/handler/caller"
	"videosdk-auth-endpoint/signer"

	"github.com/labstack/echo/v4"
)

// descriptionPath serves the API's description.
const descriptionPath = "/openapi.json"

// object is a JSON object whose members keep their order: the properties' order is that of the page's form.
type object []member

type member struct {
	name  string
	value any
}

// json is the object's text. What we put into one can't fail.
func (o object) json() []byte {
	text, err := json.Marshal(o)
	if err != nil {
		panic(err)
	}
	return text
}

// MarshalJSON writes the members one after the other.
func (o object) MarshalJSON() ([]byte, error) {
	b := []byte{'{'}
	for i, m := range o {
		if i > 0 {
			b = append(b, ',')
		}
		name, nameErr := json.Marshal(m.name)
		value, err := json.Marshal(m.value)
		if err = errors.Join(nameErr, err); err != nil {
			return nil, fmt.Errorf("%s: %w", m.name, err)
		}
		b = append(append(append(b, name...), ':'), value...)
	}
	return append(b, '}'), nil
}

// describe returns the API's description in OpenAPI 3.1: the properties are the signer's, the answers to failures are
// explain's, and what callers must send is the guard's.
func (h *Handler) describe() object {
	post := object{
		{"operationId", "requestToken"},
		{"summary", "Ask for a token"},
		{"requestBody", object{{"required", true}, {"content", object{
			{echo.MIMEApplicationJSON, object{{"schema", ref("schemas/TokenRequest")}, {"examples", examples("host", exampleRequest)}}},
			// what browsers say of text when nothing else is said
			{echo.MIMETextPlain, object{{"schema", object{{"type", "string"}, {"contentMediaType", echo.MIMEApplicationJSON}, {"contentSchema", ref("schemas/TokenRequest")}}}}},
		}}}},
		{"responses", h.responses()},
	}
	schemes, security := h.securitySchemes()
	if len(schemes) > 0 {
		post = append(post, member{"security", security})
	}
	var paths object
	for _, path := range describedPaths(h.config) {
		item := object{{"get", h.pages[path].describe()}}
		if path == h.config.TokenPath {
			item = append(item, member{"post", post})
		}
		paths = append(paths, member{path, item})
	}
	return object{
		{"openapi", "3.1.0"},
		{"info", object{
			{"title", "Zoom Video SDK token endpoint"},
			{"version", "1"},
			{"description", "Checks a request for a token (this user, this session, host or not) and answers with a signed Zoom Video SDK JWT."},
			{"license", object{{"name", "Apache-2.0"}, {"identifier", "Apache-2.0"}}},
		}},
		{"externalDocs", object{{"description", "What Zoom says of the token"}, {"url", zoomDocs}}},
		{"paths", paths},
		{"components", object{
			{"schemas", object{{"TokenRequest", tokenRequest(h.signer.Properties(), h.guard.IdentityProperty())}, {"Token", tokenSchema}, {"Errors", errorsSchema}}},
			{"headers", headers},
			{"securitySchemes", schemes},
		}},
	}
}

func tokenRequest(properties []signer.Property, identity string) object {
	var required []string
	var schemas object
	for _, p := range properties {
		if p.Required {
			required = append(required, p.Name)
		}
		if p.Name == identity {
			p.Description += "; a signed-in user's own name takes its place"
		}
		schemas = append(schemas, member{p.Name, schema(p)})
	}
	return object{
		{"type", "object"},
		{"description", "Names are case-sensitive, unknown ones are ignored, the last of a repeated one counts, and null is an error. " +
			"A length counts UTF-16 code units, as JavaScript does, where maxLength counts code points: text with emoji may be too long although this schema allows it. " +
			"White space within geoRegions is dropped, even where this schema does not allow it."},
		{"required", required},
		{"properties", schemas},
	}
}

// schema is the rule of a property, as far as JSON Schema can say it.
func schema(p signer.Property) object {
	about := p.Description
	if p.Claim != "" {
		about += " (claim " + p.Claim + ")"
	}
	s := object{{"title", p.Expects()}, {"description", about}}
	switch p.Type {
	case signer.Integer:
		return append(s, member{"anyOf", []object{
			{{"type", "integer"}, {"minimum", p.Min}, {"maximum", p.Max}},
			{{"type", "string"}, {"pattern", decimals(p.Min, p.Max)}},
		}})
	case signer.Regions:
		code := "(" + strings.Join(signer.RegionCodes(), "|") + ")"
		return append(s, member{"anyOf", []object{
			{{"type", "string"}, {"pattern", `^[\s,]*` + code + `\s*(,[\s,]*` + code + `\s*)*[\s,]*$`}},
			{
				{"type", "array"},
				{"items", object{{"anyOf", []object{{{"enum", signer.RegionCodes()}}, {{"type", "string"}, {"pattern", `^\s*` + code + `?\s*$`}}}}}},
				{"contains", object{{"pattern", `\S`}}},
			},
		}})
	default:
		s = append(s, member{"type", "string"})
		if p.Min > 0 {
			s = append(s, member{"minLength", p.Min})
		}
		if p.Max > 0 {
			s = append(s, member{"maxLength", p.Max})
		}
		return s
	}
}

// decimals is a pattern of the decimal strings of the whole numbers from least to most: those that strconv.Atoi reads.
func decimals(least, most int) string {
	var parts []string
	zero := ""
	if least == 0 {
		zero = "|-0+"
	}
	for least <= most {
		// the largest block of numbers that differ in their last digits alone, and as many more of its size as differ in one
		size, free := 1, 0
		for least > 0 && least%(size*10) == 0 && least+size*10-1 <= most {
			size, free = size*10, free+1
		}
		last := least / size
		for last%10 < 9 && (last+2)*size-1 <= most {
			last++
		}
		part := strconv.Itoa(last)
		if first := least / size; first < last {
			part = fmt.Sprintf("%s[%d-%d]", part[:len(part)-1], first%10, last%10)
		}
		parts = append(parts, part+strings.Repeat(`\d`, free))
		least = (last + 1) * size
	}
	return `^(\+?0*(` + strings.Join(parts, "|") + `)` + zero + `)$`
}

// responses describes the answers to POST on the token path: the token, and every failure as explain has it.
func (h *Handler) responses() object {
	missing := &signer.ValidationError{}
	for _, p := range h.signer.Properties() {
		if p.Required {
			missing.Violations = append(missing.Violations, signer.Violation{Property: p.Name, Reason: "must be " + p.Expects() + ", got nothing"})
		}
	}
	responses := object{{"200", object{
		{"description", "The token: pass it to the SDK's join(), with the same session name"},
		{"headers", object{{echo.HeaderXRequestID, ref("headers/" + echo.HeaderXRequestID)}}},
		{"content", object{{echo.MIMEApplicationJSON, object{{"schema", ref("schemas/Token")}, {"examples", examples("token", object{{"signature", exampleToken}})}}}}},
	}}}
	for _, group := range []struct {
		when    string
		answers bool
		errs    []error
	}{
		{"A rule is broken, or the body is no JSON object", true, []error{missing, &malformedError{"must be a JSON object"}}},
		{"The caller is not authenticated; WWW-Authenticate says why", !h.guard.Open(), []error{&caller.RefusalError{Reason: caller.Missing}}},
		{"The policy denied it, or the caller has no name that can be in a token", h.guard.Denies(), []error{&caller.RefusalError{Reason: caller.PolicyDenied}}},
		{"The body took longer than 10 s to arrive", true, []error{&bodyError{os.ErrDeadlineExceeded}}},
		{"The body is too large", true, []error{&bodyError{&http.MaxBytesError{}}}},
		{"A charset other than UTF-8, or a compressed body", true, []error{errCharset, errEncoding}},
		{"The caller asks too often; Retry-After says how many seconds to wait", h.config.RateLimit > 0, []error{&rateError{&refusedForRate, time.Second}}},
		{"The endpoint's mistake: its log has the X-Request-Id", true, []error{errors.New("any other")}},
		{"The provider's keys were not fetched yet", h.guard.Takes(caller.JWT), []error{&caller.RefusalError{Reason: caller.KeysUnavailable}}},
	} {
		if group.answers {
			responses = append(responses, h.failure(group.when, group.errs))
		}
	}
	return append(responses, member{"default", object{
		{"description", "Another method is answered 405 with Allow, another path 404"},
		{"content", object{{echo.MIMEApplicationJSON, object{{"schema", ref("schemas/Errors")}}}}},
	}})
}

// failure describes the answer to errors of one status.
func (h *Handler) failure(when string, errs []error) member {
	var status int
	var cases object
	sent := object{{echo.HeaderXRequestID, ref("headers/" + echo.HeaderXRequestID)}}
	for i, err := range errs {
		header := http.Header{}
		var faults []fault
		status, faults = h.explain(err, header)
		cases = append(cases, examples(faults[0].Property, problem{faults})...)
		for _, known := range headers {
			if i == 0 && header.Get(known.name) != "" {
				sent = append(sent, member{known.name, ref("headers/" + known.name)})
			}
		}
	}
	return member{strconv.Itoa(status), object{
		{"description", when},
		{"headers", sent},
		{"content", object{{echo.MIMEApplicationJSON, object{{"schema", ref("schemas/Errors")}, {"examples", cases}}}}},
	}}
}

// securitySchemes are what callers send: any of them is enough. What a proxy adds is not theirs to send.
func (h *Handler) securitySchemes() (schemes object, anyOf []object) {
	if h.guard.Takes(caller.JWT) {
		schemes = append(schemes, member{"user", object{{"type", "http"}, {"scheme", "bearer"}, {"bearerFormat", "JWT"}, {"description", "a user's token, of the OpenID provider"}}})
	}
	if h.guard.Takes(caller.APIKey) {
		schemes = append(schemes, member{"backend", object{{"type", "http"}, {"scheme", "bearer"}, {"description", "an API key (vsk_…)"}}})
	}
	for _, scheme := range schemes {
		anyOf = append(anyOf, object{{scheme.name, []string{}}})
	}
	if h.guard.Takes(caller.Proxy) {
		anyOf = append(anyOf, object{})
	}
	return schemes, anyOf
}

func ref(to string) object { return object{{"$ref", "#/components/" + to}} }

func examples(name string, value any) object { return object{{name, object{{"value", value}}}} }

const zoomDocs = "https://developers.zoom.us/docs/video-sdk/auth/"

// exampleRequest is the README's.
var exampleRequest = object{{"sessionName", "Cool Cars"}, {"role", 1}, {"sessionKey", "session123"}, {"userIdentity", "user123"}}

// exampleToken has the form of a token, and says nothing.
const exampleToken = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.e30.c2lnbmF0dXJl" //nolint:gosec // it is signed with the word signature

var (
	tokenSchema = object{
		{"type", "object"},
		{"required", []string{"signature"}},
		{"properties", object{{"signature", object{{"type", "string"}, {"pattern", `^[\w-]+\.[\w-]+\.[\w-]+$`}, {"description", "the signed JWT"}}}}},
	}
	errorsSchema = object{
		{"type", "object"},
		{"required", []string{"errors"}},
		{"properties", object{{"errors", object{
			{"type", "array"},
			{"minItems", 1},
			{"items", object{
				{"type", "object"},
				{"required", []string{"property", "reason"}},
				{"properties", object{
					{"property", object{{"type", "string"}, {"description", "the property of the request that is wrong, or the part of the HTTP request"}}},
					{"reason", object{{"type", "string"}, {"description", "what was expected, and what came instead"}}},
				}},
			}},
		}}}},
	}
	headers = object{
		{echo.HeaderXRequestID, object{{"description", "names this request in the endpoint's log; one that the request had is kept"}, {"schema", object{{"type", "string"}}}}},
		{echo.HeaderWWWAuthenticate, object{{"description", "what is wrong with the credential"}, {"schema", object{{"type", "string"}}}}},
		{echo.HeaderRetryAfter, object{{"description", "seconds to wait"}, {"schema", object{{"type", "integer"}}}}},
	}
)
