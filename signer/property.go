package signer

import (
	"fmt"
	"slices"
	"strings"
)

// Type says what a property holds once it is accepted.
type Type int

const (
	// String is text, measured in UTF-16 code units, as every browser counts.
	String Type = iota
	// Integer is a whole number, sent as a number (1, 1.0, 1.8e3) or as a decimal string ("1").
	Integer
	// Regions is a list of Zoom's data-centre codes, sent as a comma-separated string or an array of strings.
	Regions
)

// Property is one property of a token request: its name, its claim and the rule that it keeps.
// Source: developers.zoom.us/docs/video-sdk/auth.
type Property struct {
	// Name is the property's name in the request; case counts.
	Name string
	// Claim is the name of its claim in the token; empty where it has none of its own.
	Claim string
	// AliasOf names the property that took this one's place. A request that sends only the alias sets that property
	// too, so that SDKs which know either claim find it. Where both are sent, each claim has its own value.
	AliasOf string
	Type    Type
	// Required says that a request without it is invalid.
	Required bool
	// Min and Max bound an Integer's value or a String's length in UTF-16 code units, both included.
	Min, Max int
	// Symbols are what Zoom documents that a String may hold, beside ASCII letters, digits and the space; empty where
	// Zoom documents nothing. With Strict, a String with other characters is refused.
	Symbols string
	Strict  bool
	// exact says that this is the rule of the claim in a token. There a number is never text, and a list never an
	// array.
	exact bool
	// Description says what the property does, for documentation.
	Description string
}

// zoomSymbols are what Zoom documents of a session's name, beside ASCII letters, digits and the space.
// Source: developers.zoom.us/docs/video-sdk/auth.
const zoomSymbols = "!#$%&()+-:;<=.>?@[]^_{}|~,\\"

// The properties' places in a Request and a Grant. Violations are listed and claims are written in this order.
const (
	role = iota
	sessionName
	expirationSeconds
	userIdentity
	userKey
	sessionKey
	geoRegions
	cloudRecordingOption
	cloudRecordingElection
	cloudRecordingTranscriptOption
	telemetryTrackingID
	videoWebRTCMode
	audioWebRTCMode
	audioCompatibleMode
	propertyCount
)

// properties is the one place that knows them. A new property is a constant above and a row here: it is then decoded,
// validated, signed, shown to policies and described.
var properties = [propertyCount]Property{
	role: {
		Name: "role", Claim: "role_type", Type: Integer, Required: true, Min: 0, Max: 1,
		Description: "0 for a participant, 1 for a host or co-host",
	},
	sessionName: {
		Name: "sessionName", Claim: "tpc", Type: String, Required: true, Min: 1, Max: 200, Symbols: zoomSymbols,
		Description: "the name that the client passes to join()",
	},
	expirationSeconds: {
		Name: "expirationSeconds", Type: Integer, Min: 1800, Max: 172800, // its place is where version, iat and exp stand
		Description: "the token's lifetime in seconds",
	},
	userIdentity: {
		Name: "userIdentity", Claim: "user_identity", Type: String, Max: 36,
		Description: "identifies the user in Zoom's reports and webhooks",
	},
	userKey: {
		Name: "userKey", Claim: "user_key", Type: String, Max: 36,
		Description: "the successor of userIdentity",
	},
	sessionKey: {
		Name: "sessionKey", Claim: "session_key", Type: String, Max: 36,
		Description: "identifies the session in Zoom's reports and webhooks",
	},
	geoRegions: {
		Name: "geoRegions", Claim: "geo_regions", Type: Regions,
		Description: "the data centres that the client may connect to",
	},
	cloudRecordingOption: {
		Name: "cloudRecordingOption", Claim: "cloud_recording_option", Type: Integer, Min: 0, Max: 1,
		Description: "0 records one file of all users, 1 a file per user",
	},
	cloudRecordingElection: {
		Name: "cloudRecordingElection", Claim: "cloud_recording_election", Type: Integer, Min: 0, Max: 1,
		Description: "1 records this user when each user is recorded to a file",
	},
	cloudRecordingTranscriptOption: {
		Name: "cloudRecordingTranscriptOption", Claim: "cloud_recording_transcript_option", Type: Integer, Min: 0, Max: 2,
		Description: "0 for none, 1 for a transcript, 2 for a transcript and a summary",
	},
	telemetryTrackingID: {
		// Zoom documents no limit. This one has room for a UUID with a prefix, and keeps the token short.
		Name: "telemetryTrackingId", Claim: "telemetry_tracking_id", Type: String, Max: 200,
		Description: "names this client when Zoom looks into a problem; a UUID is best",
	},
	videoWebRTCMode: {
		Name: "videoWebRtcMode", Claim: "video_webrtc_mode", Type: Integer, Min: 0, Max: 1,
		Description: "1 uses WebRTC for video on the web",
	},
	audioWebRTCMode: {
		Name: "audioWebRtcMode", Claim: "audio_webrtc_mode", Type: Integer, Min: 0, Max: 1,
		Description: "1 uses WebRTC for audio on the web",
	},
	audioCompatibleMode: {
		Name: "audioCompatibleMode", Claim: "audio_compatible_mode", AliasOf: "audioWebRtcMode",
		Type: Integer, Min: 0, Max: 1,
		Description: "what Web SDK 1.x reads; it sets audioWebRtcMode too, unless that is sent",
	},
}

var propertyIndex = func() map[string]int {
	index := make(map[string]int, propertyCount)
	for i, p := range properties {
		index[p.Name] = i
	}
	return index
}()

// regionCodes are the values of Zoom's geo_regions.
var regionCodes = [...]string{"AU", "BR", "CA", "CN", "DE", "HK", "IN", "JP", "MX", "NL", "SG", "US"}

// RegionCodes returns what a Regions property may list.
func RegionCodes() []string { return slices.Clone(regionCodes[:]) }

// Rules returns every rule that a request can break with this property.
func (p Property) Rules() []Rule {
	rules := []Rule{RuleType, RuleEncoding}
	if p.Required {
		rules = append(rules, RuleRequired)
	}
	switch p.Type {
	case Integer:
		return append(rules, RuleRange)
	case Regions:
		return append(rules, RuleRegion)
	default:
		if p.Symbols != "" {
			rules = append(rules, RuleCharacters)
		}
		return append(rules, RuleLength)
	}
}

// undocumented says that the text has a character which Zoom does not document for this property. Zoom may take such
// text or not; other SDKs than the one that was tried may differ. Where Zoom documents nothing it is false.
func (p *Property) undocumented(text string) bool {
	return p.Symbols != "" && strings.ContainsFunc(text, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') &&
			r != ' ' && !strings.ContainsRune(p.Symbols, r)
	})
}

// Expects says in words what the property must be.
func (p Property) Expects() string {
	switch {
	case p.Strict:
		return fmt.Sprintf("a string of %d to %d ASCII letters, digits, spaces and %s", p.Min, p.Max, p.Symbols)
	case p.Type == Regions && p.exact:
		return "a comma-separated string of " + strings.Join(regionCodes[:], " ")
	case p.Type == Regions:
		return "a comma-separated string or an array of strings, each one of " + strings.Join(regionCodes[:], " ")
	case p.Type == Integer && p.Max-p.Min == 1:
		return fmt.Sprintf("%d or %d", p.Min, p.Max)
	case p.Type == Integer:
		return fmt.Sprintf("a whole number from %d to %d", p.Min, p.Max)
	case p.Min == 0:
		return fmt.Sprintf("a string of at most %d characters", p.Max)
	default:
		return fmt.Sprintf("a string of %d to %d characters", p.Min, p.Max)
	}
}
