package handler

import (
	"encoding/json"
	"errors"
	"fmt"
)

// object is a JSON object whose members keep their order: the playground's form shows the properties in that order.
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
