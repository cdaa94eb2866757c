package secret_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"videosdk-auth-endpoint/internal/secret"
)

func TestTextIsNotPrinted(t *testing.T) {
	holder := struct{ Secret secret.Text }{"hidden-text"}
	printed := fmt.Sprintf("%v %+v %#v %s %q", holder, holder, holder, holder.Secret, holder.Secret)
	encoded, err := json.Marshal(holder)
	if err != nil || strings.Contains(printed+string(encoded), "hidden-text") {
		t.Errorf("%s %s %v", printed, encoded, err)
	}
}
