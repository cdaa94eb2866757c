package handler

import (
	"fmt"
	"strconv"
	"strings"

	"videosdk-auth-endpoint/signer"
)

func tokenRequest(properties []signer.Property, pinned func(property string) bool) object {
	var required []string
	var schemas object
	for _, p := range properties {
		if p.Required {
			required = append(required, p.Name)
		}
		if pinned(p.Name) {
			p.Description += "; a signed-in user's own name takes its place"
		}
		schemas = append(schemas, member{p.Name, schema(p)})
	}
	return object{
		{"type", "object"},
		{"description", "Names are case-sensitive, unknown ones are ignored (the answer warns of those that are nearly " +
			"right), the last of a repeated one counts, and null is an error. A length counts UTF-16 code units, as " +
			"JavaScript does, where maxLength counts code points: text with emoji may be too long although this schema " +
			"allows it. White space within geoRegions is dropped, even where this schema does not allow it."},
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
				{"items", object{{"anyOf", []object{
					{{"enum", signer.RegionCodes()}},
					{{"type", "string"}, {"pattern", `^\s*` + code + `?\s*$`}},
				}}}},
				{"contains", object{{"pattern", `\S`}}},
			},
		}})
	default:
		s = append(s, member{"type", "string"})
		if p.Min > 0 {
			s = append(s, member{"minLength", p.Min})
		}
		s = append(s, member{"maxLength", p.Max})
		if p.Strict {
			s = append(s, member{"pattern", `^[A-Za-z0-9 ` + symbolEscapes.Replace(p.Symbols) + `]*$`})
		}
		return s
	}
}

// symbolEscapes makes symbols stand for themselves within the brackets of a pattern.
var symbolEscapes = strings.NewReplacer(`\`, `\\`, `]`, `\]`, `[`, `\[`, `^`, `\^`, `-`, `\-`)

// decimals is a pattern of the decimal strings of the whole numbers from least to most: those that strconv.Atoi reads.
func decimals(least, most int) string {
	var parts []string
	zero := ""
	if least == 0 {
		zero = "|-0+"
	}
	for least <= most {
		// take the largest block of numbers that differ only in their last digits, and with it the next blocks of the
		// same size that differ in one more digit
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

var (
	tokenSchema = object{
		{"type", "object"},
		{"required", []string{"signature"}},
		{"properties", object{
			{"signature", append(text("the signed JWT"), member{"pattern", `^[\w-]+\.[\w-]+\.[\w-]+$`})},
			warningsSchema,
		}},
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
					{"property", text("the property of the request that is wrong, or the part of the HTTP request")},
					{"reason", text("what was expected, and what came instead")},
				}},
			}},
		}}, warningsSchema}},
	}
	// warningsSchema is in both: settings can be lost whether or not the request is valid.
	warningsSchema = member{"warnings", object{
		{"type", "array"},
		{"description", "settings that were ignored because their names are not known, with the names that were probably " +
			"meant; only where there are any"},
		{"items", object{{"type", "object"}, {"required", []string{"property", "reason"}}}},
	}}
	headers = object{
		{"X-Request-Id", header("string", "names this request in the endpoint's log; one that the request had is kept")},
		{"WWW-Authenticate", header("string", "what is wrong with the credential")},
		{"Retry-After", header("integer", "seconds to wait")},
	}
)

func text(description string) object { return object{{"type", "string"}, {"description", description}} }

func header(kind, description string) object {
	return object{{"description", description}, {"schema", object{{"type", kind}}}}
}
