package guard

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math"
	"strconv"
)

// ParseClaims reads the claims of a token, a JSON object, as a policy sees them: see exactNumbers.
func ParseClaims(text []byte) (map[string]any, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var claims map[string]any
	if err := d.Decode(&claims); err != nil || claims == nil {
		return nil, errors.New("want a JSON object")
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("want one JSON object and nothing after it")
	}
	exactNumbers(claims)
	return claims, nil
}

// exactNumbers replaces every json.Number in the value, at any depth, and returns it. A whole number becomes an int64,
// so that a policy compares ids exactly and string() writes all their digits: as a float64, 1000000 would be 1e+06, and
// 9007199254740993 would equal 9007199254740992. A whole number past int64 becomes a uint64 where it fits. Only the
// rest are float64.
func exactNumbers(value any) any {
	switch value := value.(type) {
	case map[string]any:
		for name, v := range value {
			value[name] = exactNumbers(v)
		}
	case []any:
		for i, v := range value {
			value[i] = exactNumbers(v)
		}
	case json.Number:
		return exactNumber(value.String())
	}
	return value
}

func exactNumber(text string) any {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return n
	}
	if n, err := strconv.ParseUint(text, 10, 64); err == nil {
		return n
	}
	n, _ := strconv.ParseFloat(text, 64) // a number too large becomes an infinity
	// 1.0 and 1e3 are whole numbers too, and exact up to 2^53
	if n == math.Trunc(n) && math.Abs(n) <= 1<<53 {
		return int64(n)
	}
	return n
}

// describe says of which type a claim is.
func describe(claim any) string {
	switch claim := claim.(type) {
	case nil:
		return "missing"
	case string:
		if claim == "" {
			return "empty"
		}
		return "text"
	case bool:
		return "true or false"
	case []any:
		return "a list"
	case map[string]any:
		return "an object"
	default:
		return "a number"
	}
}
