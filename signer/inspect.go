package signer

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/golang-jwt/jwt/v5"
	"golang.org/x/text/unicode/norm"
)

// Inspection is what a token says, and what Zoom would say of it. Header and Claims keep the token's own order.
type Inspection struct {
	Header json.RawMessage `json:"header"`
	Claims json.RawMessage `json:"claims"`
	// Refused says why Zoom would refuse the token, Warnings what works but may surprise.
	Refused  []string `json:"-"`
	Warnings []string `json:"-"`
}

// Beyond these lengths a token or a session's name may cause trouble, although Zoom takes it.
const (
	// Up to Web SDK 2.3.15 the token travels in a URL, and servers take about 8 kB of those.
	longToken = 8000
	// Some of Zoom's pages say that a session's name has at most 150 characters.
	longName = 150
)

// Inspect reads a token, whoever signed it, and judges it as Zoom does. The claims must keep the rules of requests.
// Without credentials, neither the signature nor app_key is compared with anything. The error says that the text is not
// a token; the inspection then has what could be read.
func Inspect(token string, c Credentials, clock func() time.Time) (Inspection, error) {
	var seen Inspection
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return seen, fmt.Errorf("a token has three parts with dots between, this has %d", len(parts))
	}
	var members [2]map[string]json.RawMessage
	for i, into := range []*json.RawMessage{&seen.Header, &seen.Claims} {
		part, err := jwt.NewParser().DecodeSegment(parts[i])
		if err != nil || json.Unmarshal(part, &members[i]) != nil || members[i] == nil {
			return seen, fmt.Errorf("part %d of the token is not a JSON object in base64url", i+1)
		}
		*into = part
	}
	if len(token) > longToken {
		seen.warn("the token has %d bytes: Web SDKs up to 2.3.15 send it in a URL, which should have less than 8 kB",
			len(token))
	}
	header, claims := members[0], members[1]
	seen.judgeSignature(token, header, c)
	seen.judgeApp(claims, c)
	for _, p := range properties {
		if p.exact = true; p.Claim != "" {
			seen.judgeClaim(p, claims)
		}
	}
	seen.judgeTimes(claims, clock())
	seen.judgeNames(claims)
	return seen, nil
}

func (i *Inspection) refuse(format string, args ...any) {
	i.Refused = append(i.Refused, fmt.Sprintf(format, args...))
}

func (i *Inspection) warn(format string, args ...any) {
	i.Warnings = append(i.Warnings, fmt.Sprintf(format, args...))
}

func (i *Inspection) judgeSignature(token string, header map[string]json.RawMessage, c Credentials) {
	if alg := ValueOf(header["alg"]); alg.String != "HS256" {
		i.refuse("alg must be HS256, got another")
		return
	}
	if c == (Credentials{}) {
		return
	}
	parser := jwt.NewParser(jwt.WithValidMethods([]string{"HS256"}), jwt.WithoutClaimsValidation())
	if _, err := parser.Parse(token, func(*jwt.Token) (any, error) { return []byte(c.Secret), nil }); err != nil {
		i.refuse("the signature is invalid: the token was signed with another secret than yours, or changed since")
	}
}

func (i *Inspection) judgeApp(claims map[string]json.RawMessage, c Credentials) {
	switch key := ValueOf(claims["app_key"]); {
	case key.Kind != KindString:
		i.refuse("app_key must be your app's Video SDK key, got %s", key.Kind)
	case key.String != c.Key && c != (Credentials{}):
		i.refuse("app_key is not your app's Video SDK key")
	}
	if version := ValueOf(claims["version"]); version.Kind != KindNumber {
		i.refuse("version must be 1, got %s", version.Kind)
	} else if version.Number != 1 {
		i.refuse("version must be 1, got another number")
	}
}

// judgeClaim holds one claim to the rule of its property.
func (i *Inspection) judgeClaim(p Property, claims map[string]json.RawMessage) {
	value := ValueOf(claims[p.Claim])
	if value.Kind == KindAbsent {
		if p.Required {
			i.refuse("%s %s", p.Claim, p.violation(RuleRequired, value.Kind.String()).Reason)
		}
		return
	}
	judged, violation := p.check(&value)
	switch {
	case violation != nil:
		i.refuse("%s %s", p.Claim, violation.Reason)
	case p.Type == Regions && judged.text != value.String:
		i.warn("%s has white space or empty entries in it: Zoom documents codes with commas between", p.Claim)
	}
}

// judgeTimes judges iat and exp.
func (i *Inspection) judgeTimes(claims map[string]json.RawMessage, now time.Time) {
	issued, hasIssued := i.seconds("iat", claims)
	expires, hasExpires := i.seconds("exp", claims)
	if hasIssued && issued.After(now) {
		i.refuse("iat lies %v in the future: the clock of the machine that signed it, or this one's, is wrong",
			issued.Sub(now).Round(time.Second))
	}
	if hasExpires && !expires.After(now) {
		i.refuse("the token expired %v ago: ask for a new one each time somebody joins", now.Sub(expires).Round(time.Second))
	}
	if ttl := expires.Sub(issued); hasIssued && hasExpires && (ttl < minTTL || ttl > maxTTL) {
		i.refuse("exp is %v after iat, Zoom takes 30m to 48h", ttl)
	}
}

// seconds returns the time that a claim says. It takes numbers up to the year 5138 for seconds, and larger ones for a
// smaller unit.
func (i *Inspection) seconds(name string, claims map[string]json.RawMessage) (at time.Time, ok bool) {
	value := ValueOf(claims[name])
	var got string
	switch n := value.Number; {
	case value.Kind != KindNumber:
		got = value.Kind.String()
	case n >= 1e17:
		got = "nanoseconds, or a number out of range"
	case n >= 1e14:
		got = "microseconds"
	case n >= 1e11:
		got = "milliseconds"
	case n < 0:
		got = "a number out of range"
	case n != math.Trunc(n):
		got = "a fraction"
	default:
		return time.Unix(int64(n), 0), true
	}
	i.refuse("%s must be whole seconds since 1970, got %s", name, got)
	return time.Time{}, false
}

// judgeNames warns of session names that may not open the session that was meant, and of claims that nobody reads.
func (i *Inspection) judgeNames(claims map[string]json.RawMessage) {
	p, name := &properties[sessionName], ValueOf(claims[properties[sessionName].Claim]).String
	if n := utf16Len(name); n > longName && n <= p.Max {
		i.warn("%s has %d characters: some of Zoom's pages say at most %d", p.Claim, n, longName)
	}
	if p.undocumented(name) {
		i.warn("%s has characters that Zoom does not document: want ASCII letters, digits, spaces and %s", p.Claim, p.Symbols)
	}
	if !norm.NFC.IsNormalString(name) {
		i.warn("%s is not in Unicode's normal form NFC: a name that looks the same in NFC opens another session", p.Claim)
	}
	for _, got := range slices.Sorted(maps.Keys(claims)) {
		if known(got) {
			continue
		}
		if place, ok := meant(got); ok && len(got) <= maxUnknownNameLength {
			claim := properties[place].Claim
			if claim == "" {
				claim = "exp"
			}
			if claims[claim] == nil {
				i.warn("%s is not a claim that Zoom documents: did you mean %s?", got, claim)
			}
		}
	}
	if !jsontext.Value(i.Claims).IsValid() {
		i.warn("a claim is there twice, or has text that is not UTF-8: readers of the token may differ in what they take")
	}
}

func known(claim string) bool {
	return slices.Contains([]string{"app_key", "version", "iat", "exp"}, claim) ||
		slices.ContainsFunc(properties[:], func(p Property) bool { return p.Claim == claim })
}
