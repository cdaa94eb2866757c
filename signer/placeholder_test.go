package signer_test

import (
	"slices"
	"testing"

	"videosdk-auth-endpoint/internal/secret"
	"videosdk-auth-endpoint/signer"
)

func TestPlaceholders(t *testing.T) {
	for _, value := range []string{
		"your-key", "your-secret", "YOUR_VIDEO_SDK_SECRET", "my-secret", "undefined", "null", "None", "changeme", "CHANGE_ME", "<secret>", "${SECRET}",
		"$ZOOM_VIDEO_SDK_SECRET", "{{secret}}", "xxxxxxxx", "****", "sdk-key", "sdkSecret", "ZOOM_VIDEO_SDK_KEY", "zoom-video-sdk-secret", "secret", "TODO",
		"%SECRET%", "[secret]", "insert-key-here", "sdk_key_here", "replace-me",
	} {
		if got := (signer.Credentials{Key: value, Secret: secret.Text(value)}).Placeholders(); !slices.Equal(got, []string{"key", "secret"}) {
			t.Errorf("%s: got %v", value, got)
		}
	}
	for _, value := range []string{
		"xTvDqw$27A", "pZ8kqM2vRlWn5Tg0Yc7dHs", "dGhpcyBpcyBub3QgYSBzZWNyZXQ", "Abc123Def456Ghi789Jkl012Mno345Pqr678", "test-key", "test-secret-that-is-long-enough",
		"nullabc", "4f1c", "keySecretKey9",
	} {
		if got := (signer.Credentials{Key: value, Secret: secret.Text(value)}).Placeholders(); got != nil {
			t.Errorf("%s: got %v", value, got)
		}
	}
}
