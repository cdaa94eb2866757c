package handler

import (
	"net/http"
	"slices"
	"strconv"

	"videosdk-auth-endpoint/signer"
)

// api holds what the API's description is made from.
type api struct {
	tokenPath  string
	routes     table
	properties []signer.Property
	access     access
	bodyLimit  int64
}

// describe returns the API's description in OpenAPI 3.1: the properties are the signer's, the answers to failures are
// explain's, and what callers must send is the guard's.
func describe(a api) object {
	post := object{
		{"operationId", "requestToken"},
		{"summary", "Ask for a token"},
		{"requestBody", object{{"required", true}, {"content", object{
			{mediaJSON, object{{"schema", ref("schemas/TokenRequest")}, {"examples", examples("host", exampleRequest)}}},
			// what browsers say of text when nothing else is said
			{"text/plain", object{{"schema", object{
				{"type", "string"}, {"contentMediaType", mediaJSON}, {"contentSchema", ref("schemas/TokenRequest")},
			}}}},
		}}}},
		{"responses", a.responses()},
	}
	schemes, security := a.securitySchemes()
	if len(schemes) > 0 {
		post = append(post, member{"security", security})
	}
	var paths object
	for _, path := range slices.Compact([]string{a.tokenPath, rootPath, descriptionPath}) {
		item := object{{"get", a.routes.page(path).describe()}}
		if path == a.tokenPath {
			item = append(item, member{"post", post})
		}
		paths = append(paths, member{path, item})
	}
	return object{
		{"openapi", "3.1.0"},
		{"info", object{
			{"title", "Zoom Video SDK token endpoint"},
			{"version", "1"},
			{"description", "Checks a request for a token (this user, this session, host or not) and answers with a signed " +
				"Zoom Video SDK JWT."},
			{"license", object{{"name", "Apache-2.0"}, {"identifier", "Apache-2.0"}}},
		}},
		{"externalDocs", object{{"description", "What Zoom says of the token"}, {"url", zoomDocs}}},
		{"paths", paths},
		{"components", object{
			{"schemas", object{
				{"TokenRequest", tokenRequest(a.properties, a.access.Pins)}, {"Token", tokenSchema}, {"Errors", errorsSchema},
			}},
			{"headers", headers},
			{"securitySchemes", schemes},
		}},
	}
}

// responses describes the answers to POST on the token path: the token, and every failure that this service can have.
func (a *api) responses() object {
	responses := object{{"200", object{
		{"description", "The token: pass it to the SDK's join(), with the same session name"},
		{"headers", object{{"X-Request-Id", ref("headers/X-Request-Id")}}},
		content("Token", examples("token", object{{"signature", exampleToken}})),
	}}}
	for _, f := range failures(a.bodyLimit) {
		if f.possible == nil || f.possible(a.access) {
			responses = append(responses, a.failure(f))
		}
	}
	return append(responses, member{"default", object{
		{"description", "Another method is answered 405 with Allow, another path 404"},
		{"content", object{{mediaJSON, object{{"schema", ref("schemas/Errors")}}}}},
	}})
}

// failure describes one row of the table of failures by its examples.
func (a *api) failure(f failure) member {
	var cases object
	var status int
	sent := object{{"X-Request-Id", ref("headers/X-Request-Id")}}
	for i, err := range f.examples {
		header := http.Header{}
		var faults []fault
		status, faults = explain(err, a.access.Explain, header)
		cases = append(cases, examples(faults[0].Property, problem{Errors: faults})...)
		for _, known := range headers {
			if i == 0 && header.Get(known.name) != "" {
				sent = append(sent, member{known.name, ref("headers/" + known.name)})
			}
		}
	}
	return member{strconv.Itoa(status), object{
		{"description", f.when},
		{"headers", sent},
		content("Errors", cases),
	}}
}

// securitySchemes are what callers send: any of them is enough. What a proxy adds is not theirs to send.
func (a *api) securitySchemes() (schemes object, anyOf []object) {
	for _, method := range a.access.Methods() {
		scheme := method.Scheme
		if scheme == nil {
			anyOf = append(anyOf, object{})
			continue
		}
		about := object{{"type", "http"}, {"scheme", "bearer"}}
		if scheme.BearerFormat != "" {
			about = append(about, member{"bearerFormat", scheme.BearerFormat})
		}
		schemes = append(schemes, member{scheme.Name, append(about, member{"description", scheme.Description})})
		anyOf = append(anyOf, object{{scheme.Name, []string{}}})
	}
	return schemes, anyOf
}

func ref(to string) object { return object{{"$ref", "#/components/" + to}} }

func content(schema string, cases object) member {
	return member{"content", object{{mediaJSON, object{{"schema", ref("schemas/" + schema)}, {"examples", cases}}}}}
}

func examples(name string, value any) object { return object{{name, object{{"value", value}}}} }

// exampleToken has the form of a token, and says nothing.
const exampleToken = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.e30.c2lnbmF0dXJl" //nolint:gosec // its signature is a word
