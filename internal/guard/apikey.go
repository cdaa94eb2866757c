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

// NewAPIKey returns a new key of 256 random bits, which is shown once, and the line that AUTH_API_KEYS_FILE needs of it.
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

// apiKeys are the keys of a file. One name may have several, so that a key can be replaced without a gap.
type apiKeys struct {
	file string // empty where AUTH_API_KEYS lists the keys
	list atomic.Pointer[[]apiKey]
	text string // of the file, when it was loaded first
}

type apiKey struct {
	hash [sha256.Size]byte
	name string
}

func loadAPIKeys(c Config) (*apiKeys, error) {
	k := &apiKeys{file: c.APIKeysFile}
	if c.APIKeys != "" {
		return k, k.fix(c.APIKeys)
	}
	text, list, err := k.read()
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, errNoAPIKey
	}
	k.text = text
	k.list.Store(&list)
	return k, nil
}

var errNoAPIKey = errors.New("AUTH_API_KEYS_FILE: holds no key; make a line for one with: videosdk-auth-endpoint apikey NAME")

// fix takes the keys that AUTH_API_KEYS lists, which stay the same while the service runs.
func (k *apiKeys) fix(entries string) error {
	list, err := parseAPIKeys("AUTH_API_KEYS: entry", strings.ReplaceAll(entries, ",", "\n"))
	k.list.Store(&list)
	if err == nil && len(list) == 0 {
		return errors.New("AUTH_API_KEYS: holds no key; make an entry with: videosdk-auth-endpoint apikey NAME")
	}
	return err
}

func (k *apiKeys) read() (string, []apiKey, error) {
	text, err := files.Read(k.file)
	if err != nil {
		return "", nil, fmt.Errorf("AUTH_API_KEYS_FILE: %w", err)
	}
	list, err := parseAPIKeys("AUTH_API_KEYS_FILE: line", text)
	return text, list, err
}

func (*apiKeys) method() *Method { return APIKey }

func (*apiKeys) fits(token string) bool { return strings.HasPrefix(token, keyPrefix) }

func (*apiKeys) ready() bool { return true }

// run takes over what the file holds, even when it holds no key: whoever deletes the last line means it.
func (k *apiKeys) run(ctx context.Context, b Background) {
	read := func() (string, error) {
		text, _, err := k.read()
		return text, err
	}
	use := func(text string) {
		list, err := parseAPIKeys("AUTH_API_KEYS_FILE: line", text)
		if err == nil {
			k.list.Store(&list)
		}
		b.APIKeys(err)
	}
	if k.file == "" {
		return
	}
	files.Watch(ctx, b.Ticks(), k.text, read, use, b.APIKeys)
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
// those that start with # are skipped. Its error names lines by number, behind the words in place: somebody may have pasted
// the key itself.
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
