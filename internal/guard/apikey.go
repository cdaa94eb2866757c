package guard

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"

	"videosdk-auth-endpoint/internal/ascii"
	"videosdk-auth-endpoint/internal/files"
)

// keyPrefix lets scanners for leaked secrets know an API key when they see it.
const keyPrefix = "vsk_"

// NewAPIKey returns a new key of 256 random bits, which is shown once, and the line that AUTH_API_KEYS_FILE needs of
// it.
func NewAPIKey(name string) (key, line string, err error) {
	if !isKeyName(name) {
		return "", "", fmt.Errorf("want a name of %s", keyNames)
	}
	var random [32]byte
	rand.Read(random[:]) // never fails, as its documentation says
	key = keyPrefix + base64.RawURLEncoding.EncodeToString(random[:])
	hash := sha256.Sum256([]byte(key))
	return key, name + " " + hex.EncodeToString(hash[:]), nil
}

// apiKeys are the keys of a file or of AUTH_API_KEYS. One name may have several, so that a key can be replaced without
// a gap.
type apiKeys struct {
	file  string // empty where AUTH_API_KEYS lists the keys
	place string // begins what is said of a line
	text  string // that was loaded first
	list  atomic.Pointer[[]apiKey]
}

type apiKey struct {
	hash [sha256.Size]byte
	name string
}

func loadAPIKeys(c Config) (*apiKeys, error) {
	k := &apiKeys{place: "AUTH_API_KEYS: entry", text: strings.ReplaceAll(c.APIKeys, ",", "\n")}
	if c.APIKeysFile != "" {
		k.file, k.place = c.APIKeysFile, "AUTH_API_KEYS_FILE: line"
		var err error
		if k.text, err = k.read(); err != nil {
			return nil, err
		}
	}
	if err := k.use(k.text); err != nil {
		return nil, err
	}
	if len(*k.list.Load()) == 0 {
		variable, _, _ := strings.Cut(k.place, ":")
		return nil, errors.New(variable + ": holds no key; make one with: videosdk-auth-endpoint apikey NAME")
	}
	return k, nil
}

func (k *apiKeys) read() (string, error) {
	text, err := files.Read(k.file)
	if err != nil {
		return "", fmt.Errorf("AUTH_API_KEYS_FILE: %w", err)
	}
	return text, nil
}

// use takes over the keys in the text, even when there are none: whoever deletes the last line means it.
func (k *apiKeys) use(text string) error {
	list, err := parseAPIKeys(k.place, text)
	if err == nil {
		k.list.Store(&list)
	}
	return err
}

func (*apiKeys) method() *Method { return APIKey }

func (*apiKeys) fits(token string) bool { return strings.HasPrefix(token, keyPrefix) }

func (*apiKeys) ready() bool { return true }

func (k *apiKeys) run(ctx context.Context, b Background) {
	if k.file != "" {
		files.Watch(ctx, b.Ticks(), k.text, k.read, func(text string) { b.APIKeys(k.use(text)) }, b.APIKeys)
	}
}

// find compares with every key, in constant time, so that the time it takes tells nothing about the keys.
func (k *apiKeys) find(_ *http.Request, key string) (*Caller, *RefusalError) {
	hash := sha256.Sum256([]byte(key))
	var found *apiKey
	list := *k.list.Load()
	for i := range list {
		if subtle.ConstantTimeCompare(list[i].hash[:], hash[:]) == 1 {
			found = &list[i]
		}
	}
	if found == nil {
		return nil, &RefusalError{Reason: UnknownAPIKey}
	}
	return &Caller{Method: APIKey, Subject: found.name}, nil
}

// parseAPIKeys reads lines of a name and the SHA-256 of a key in hexadecimal, with white space between. Empty lines and
// those that start with # are skipped. Its error names lines by number, behind the words in place: somebody may have
// pasted the key itself.
func parseAPIKeys(place, text string) ([]apiKey, error) {
	var list []apiKey
	seen := map[[sha256.Size]byte]bool{}
	var mistakes []error
	n := 0
	for line := range strings.Lines(text) {
		n++
		wrong := func(what string) {
			mistakes = append(mistakes, fmt.Errorf("%s %d: %s", place, n, what))
		}
		fields := strings.Fields(line)
		if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
			continue
		}
		if len(fields) != 2 {
			wrong("want a name and the SHA-256 of a key")
			continue
		}
		key := apiKey{name: fields[0]}
		hash, err := hex.DecodeString(fields[1])
		copy(key.hash[:], hash)
		switch {
		case err != nil || len(hash) != sha256.Size:
			wrong("want the SHA-256 of the key, 64 hexadecimal digits; never the key itself")
		case !isKeyName(key.name):
			wrong("want a name of " + keyNames)
		case seen[key.hash]:
			wrong("the same key stands above")
		}
		seen[key.hash] = true
		list = append(list, key)
	}
	return list, errors.Join(mistakes...)
}

const keyNames = "1 to 64 letters, digits and -_."

func isKeyName(s string) bool {
	return s != "" && len(s) <= 64 && ascii.Only(s, "-_.")
}
