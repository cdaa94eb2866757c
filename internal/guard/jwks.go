package guard

import (
	"errors"
	"fmt"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/golang-jwt/jwt/v5"
)

// keyName is what a token says of its key: which one it is, and by which algorithm it signed. One id may stand for keys
// of several types, so the algorithm is part of the name.
type keyName struct{ id, alg string }

// keys are those of a key set, each under every algorithm that it verifies. A name has several keys where a provider
// gave one id to all of them.
type keys map[keyName][]jwt.VerificationKey

// maxKeys bounds a key set. Providers publish fewer than ten keys.
const maxKeys = 1000

var errNotKeySet = errors.New("the answer is not a key set; want JSON such as {\"keys\": [...]}")

// parseKeySet reads the keys that can verify tokens. Each is read alone, so that an odd one is skipped and does no harm
// to the others: a reader ignores what it doesn't understand, as RFC 7517 says in section 5.
func parseKeySet(text []byte) (keys, []SkippedKey, error) {
	var set struct {
		Keys []jsontext.Value `json:"keys"`
	}
	// what is wrong within one key, such as a name that comes twice, is found when that key is read
	if err := json.Unmarshal(text, &set, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)); err != nil {
		return nil, nil, errNotKeySet
	}
	if len(set.Keys) > maxKeys {
		return nil, nil, fmt.Errorf("the key set has %d keys; want at most %d", len(set.Keys), maxKeys)
	}
	good, skipped := keys{}, []SkippedKey(nil)
	for _, entry := range set.Keys {
		k, wrong := parseKey(entry)
		if wrong != nil {
			skipped = append(skipped, *wrong)
			continue
		}
		for _, alg := range k.algorithms {
			name := keyName{k.id, alg}
			good[name] = append(good[name], k.key)
		}
	}
	switch {
	case len(good) > 0:
		return good, skipped, nil
	case len(skipped) > 0:
		return nil, skipped, fmt.Errorf("the key set has no key that verifies signatures; its first is %s", skipped[0])
	default:
		return nil, nil, errors.New("the key set has no keys; a provider that signs by a shared secret (HS256) has none")
	}
}
