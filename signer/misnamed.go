package signer

import "slices"

// maxUnknownNameLength bounds the names that are looked at.
const maxUnknownNameLength = 40

// otherNames are what people call a property, beside its claim. They are folded.
var otherNames = [propertyCount][]string{
	role:                {"userrole"},
	sessionName:         {"session", "topic", "sessiontopic", "roomname"},
	expirationSeconds:   {"exp", "expiration", "expiresin", "ttl"},
	userIdentity:        {"identity", "userid"},
	geoRegions:          {"region", "regions"},
	telemetryTrackingID: {"trackingid"},
	videoWebRTCMode:     {"videowebrtc"},
	audioWebRTCMode:     {"audiowebrtc"},
}

// lookalikes are all names that are near a property's, in the properties' order.
var lookalikes = func() (all []lookalike) {
	for i, p := range properties {
		for _, name := range append([]string{fold(p.Name), fold(p.Claim)}, otherNames[i]...) {
			if name != "" {
				all = append(all, lookalike{name, i})
			}
		}
	}
	return all
}()

type lookalike struct {
	folded   string
	property int
}

// meant returns the place of the property that an unknown name seems to mean. It compares only letters and digits,
// whatever their case. In all but the shortest names, one of them may be wrong.
func meant(name string) (property int, ok bool) {
	folded := fold(name)
	if i := slices.IndexFunc(lookalikes, func(l lookalike) bool { return l.folded == folded }); i >= 0 {
		return lookalikes[i].property, true
	}
	if len(folded) < 5 { // too short to tell a mistake from another word
		return 0, false
	}
	if i := slices.IndexFunc(lookalikes, func(l lookalike) bool { return oneApart(l.folded, folded) }); i >= 0 {
		return lookalikes[i].property, true
	}
	return 0, false
}

// fold leaves the letters, in lower case, and the digits of a name. It is empty for a name that has other characters
// than those which people put between words.
func fold(name string) string {
	folded := make([]byte, 0, maxUnknownNameLength)
	for _, b := range []byte(name) {
		switch {
		case b >= 'A' && b <= 'Z':
			folded = append(folded, b+'a'-'A')
		case b >= 'a' && b <= 'z' || b >= '0' && b <= '9':
			folded = append(folded, b)
		case b != '_' && b != '-' && b != '.' && b != ' ':
			return ""
		}
	}
	return string(folded)
}

// oneApart tells whether a and b differ in one letter: it is added, missing or another one.
func oneApart(a, b string) bool {
	if len(a) < len(b) {
		a, b = b, a
	}
	if len(a)-len(b) > 1 {
		return false
	}
	same := 0
	for same < len(b) && a[same] == b[same] {
		same++
	}
	if len(a) == len(b) {
		return same == len(b) || a[same+1:] == b[same+1:]
	}
	return a[same+1:] == b[same:]
}
