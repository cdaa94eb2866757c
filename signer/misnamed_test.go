package signer_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"videosdk-auth-endpoint/signer"
)

// TestMisnamed: a name that is nearly a property's, or its claim's, is told from one that has nothing to do with us.
func TestMisnamed(t *testing.T) {
	for got, meant := range map[string]string{
		"geo_regions": "geoRegions", "GeoRegions": "geoRegions", "georegions": "geoRegions", "geo-regions": "geoRegions", "geoRegion": "geoRegions", "regions": "geoRegions",
		"cloud_recording_option": "cloudRecordingOption", "cloud_recording_election": "cloudRecordingElection", "cloudRecordingOptions": "cloudRecordingOption",
		"cloud_recording_transcript_option": "cloudRecordingTranscriptOption",
		"sessionkey":                        "sessionKey", "session_key": "sessionKey", "user_identity": "userIdentity", "useridentity": "userIdentity", "userIdentitiy": "userIdentity",
		"user_key": "userKey", "telemetry_tracking_id": "telemetryTrackingId", "telemetryTrackingID": "telemetryTrackingId", "trackingId": "telemetryTrackingId",
		"video_webrtc_mode": "videoWebRtcMode", "videoWebRTCMode": "videoWebRtcMode", "audio_webrtc_mode": "audioWebRtcMode", "audio_compatible_mode": "audioCompatibleMode",
		"exp": "expirationSeconds", "expiration_seconds": "expirationSeconds", "expirationSecond": "expirationSeconds", "expiresIn": "expirationSeconds",
		"name": "", "password": "", "topics": "", "app_key": "", "version": "", "iat": "", "rule": "", "x": "", "": "", "géoRegions": "", "geo/regions": "",
		"userName": "", "cloudRecording": "", "geo_regions" + strings.Repeat("_", 40): "",
	} {
		t.Run(got, func(t *testing.T) {
			grant, err := newSigner(t, defaults).Validate(t.Context(), one(got, "US"))
			if err != nil {
				t.Fatal(err)
			}
			var want []signer.Misnamed
			if meant != "" && meant != "sessionName" {
				want = []signer.Misnamed{{Got: got, Meant: meant}}
			}
			if !slices.Equal(grant.Misnamed(), want) {
				t.Errorf("%v, want %v", grant.Misnamed(), want)
			}
		})
	}
}

// TestMisnamedIsNotTaken: a setting under another name is neither in the token nor seen by a policy.
func TestMisnamedIsNotTaken(t *testing.T) {
	s := newSigner(t, defaults)
	grant, err := s.Validate(t.Context(), one("geo_regions", "US"))
	if err != nil {
		t.Fatal(err)
	}
	for i, p := range s.Properties() {
		if _, sent := grant.Value(i); sent && p.Name == "geoRegions" {
			t.Error("a policy sees geoRegions")
		}
	}
	if claims := parse(t, sign(t, s, one("geo_regions", "US")).JWT); claims["geo_regions"] != nil {
		t.Errorf("claims %v", claims)
	}
}

// TestMisnamedBesideTheProperty: who sends both names loses nothing, in either order.
func TestMisnamedBesideTheProperty(t *testing.T) {
	for _, names := range [][]string{{"geo_regions", "geoRegions"}, {"geoRegions", "geo_regions"}} {
		r := one(names[0], "US")
		r.Set(names[1], toValue("DE"))
		grant, err := newSigner(t, defaults).Validate(t.Context(), r)
		if err != nil || len(grant.Misnamed()) > 0 {
			t.Errorf("%v: %v, %v", names, grant.Misnamed(), err)
		}
	}
}

// TestMisnamedOfAnInvalidRequest: the reason names what came instead, and other lost settings stand beside it.
func TestMisnamedOfAnInvalidRequest(t *testing.T) {
	for names, want := range map[string]string{
		"session_name roleType": "role must be 0 or 1, got roleType: did you mean role?; sessionName must be a string of 1 to 200 characters, got session_name: did you mean sessionName?",
		"topic Role":            "role must be 0 or 1, got Role: did you mean role?; sessionName must be a string of 1 to 200 characters, got topic: did you mean sessionName?",
		"tpc role_type":         "role must be 0 or 1, got role_type: did you mean role?; sessionName must be a string of 1 to 200 characters, got tpc: did you mean sessionName?",
		"name user":             "role must be 0 or 1, got nothing; sessionName must be a string of 1 to 200 characters, got nothing",
	} {
		r := request(map[string]any{"geo_regions": "US"})
		for name := range strings.SplitSeq(names, " ") {
			r.Set(name, toValue("1"))
		}
		_, err := newSigner(t, defaults).Validate(t.Context(), r)
		invalid, ok := errors.AsType[*signer.ValidationError](err)
		if !ok || err.Error() != want || !slices.Contains(invalid.Misnamed, signer.Misnamed{Got: "geo_regions", Meant: "geoRegions"}) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

// TestManyUnknownNames: what a stranger can make us look at and say has a bound.
func TestManyUnknownNames(t *testing.T) {
	r := one("geo_regions", "US")
	for i := range 10000 {
		r.Set(fmt.Sprintf("unknown%d", i), toValue("x"))
		r.Set("geo_regions", toValue("x"))
		r.Set("Geo_Regions", toValue("x"))
	}
	r.Set("user_key", toValue("x")) // nobody looks any more
	grant, err := newSigner(t, defaults).Validate(t.Context(), r)
	if want := []signer.Misnamed{{Got: "geo_regions", Meant: "geoRegions"}}; err != nil || !slices.Equal(grant.Misnamed(), want) {
		t.Errorf("%v, %v", grant.Misnamed(), err)
	}
}
