package env_test

import (
	"errors"
	"net/url"
	"testing"
	"time"

	"videosdk-auth-endpoint/internal/env"
)

// refused is a type whose parser quotes the value.
type refused struct{}

func (*refused) Decode(text string) error { return errors.New("bad value " + text) }

// hinted is a type whose parser has a hint.
type hinted struct{}

func (*hinted) Decode(string) error { return env.Mistake("want something else") }

func TestLoadNamesEveryVariableAndShowsNoValue(t *testing.T) {
	for _, name := range []string{"DURATION", "URL", "REFUSED", "HINTED", "NUMBERS"} {
		t.Setenv(name, "hidden%zz")
	}
	t.Setenv("TEXT", "text")
	var spec struct {
		Duration time.Duration `default:"1s" envconfig:"DURATION"`
		URL      url.URL       `envconfig:"URL"`
		Refused  refused       `envconfig:"REFUSED"`
		Hinted   hinted        `envconfig:"HINTED"`
		Numbers  map[int]int   `envconfig:"NUMBERS"`
		Text     string        `envconfig:"TEXT"`
	}
	err := env.Load(&spec)
	want := "DURATION: want a duration such as 30s or 2h\nURL: can't be read\nREFUSED: can't be read\nHINTED: want something else\n" +
		"NUMBERS: can't be read"
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
	if spec.Text != "text" || spec.Duration != time.Second {
		t.Errorf("%+v: the variables that can be read are not", spec)
	}
}
