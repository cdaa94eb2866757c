package guard

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/golang-jwt/jwt/v5"
)

// SkipReason says why a key of a key set isn't used. The set is closed, so that it can label a metric.
type SkipReason string

// The reasons.
const (
	KeyMalformed   SkipReason = "malformed"   // not an object, a member that is missing or wrong, or not a key
	KeyUnnamed     SkipReason = "unnamed"     // it has no kid, so no token can name it
	KeyUse         SkipReason = "use"         // use or key_ops say that it isn't for signatures
	KeyUnsupported SkipReason = "unsupported" // another type, curve or algorithm than those that verify tokens here
	KeySize        SkipReason = "size"        // RSA that is too short to be safe, or too long to be quick
)

// SkipReasons are all of them.
var SkipReasons = []SkipReason{KeyMalformed, KeyUnnamed, KeyUse, KeyUnsupported, KeySize}

// SkippedKey is a key that isn't used.
type SkippedKey struct {
	ID     string
	Reason SkipReason
	Detail string
	// Known says that the key set before this one had it too, so that it is logged once.
	Known bool
}

func (s SkippedKey) String() string { return fmt.Sprintf("%.100q: %s: %s", s.ID, s.Reason, s.Detail) }

func skip(reason SkipReason, format string, args ...any) *SkippedKey {
	return &SkippedKey{Reason: reason, Detail: fmt.Sprintf(format, args...)}
}

// namedKey is one key of a key set.
type namedKey struct {
	id         string
	algorithms []string
	key        jwt.VerificationKey
}

// members are those of a key (RFC 7517, 7518 and 8037) that matter here. Certificates and their thumbprints don't: the
// key set came over TLS, and many providers get them wrong.
type members struct {
	Type       string   `json:"kty"`
	ID         string   `json:"kid"`
	Use        string   `json:"use"`
	Operations []string `json:"key_ops"`
	Algorithm  string   `json:"alg"`
	Curve      string   `json:"crv"`
	N          string   `json:"n"`
	E          string   `json:"e"`
	X          string   `json:"x"`
	Y          string   `json:"y"`
}

// parseKey reads one entry of a key set.
func parseKey(entry jsontext.Value) (namedKey, *SkippedKey) {
	var m members
	if err := json.Unmarshal(entry, &m); err != nil {
		return namedKey{}, skip(KeyMalformed, "%s", describeJSON(err))
	}
	k, skipped := m.key()
	if skipped == nil && m.Algorithm != "" {
		k.algorithms, skipped = narrow(k.algorithms, m.Algorithm)
	}
	if skipped != nil {
		skipped.ID = m.ID
	}
	return k, skipped
}

// describeJSON says what is wrong with an entry without its place in Go.
func describeJSON(err error) string {
	if wrong, ok := errors.AsType[*json.SemanticError](err); ok {
		return fmt.Sprintf("%s is a JSON %s", strings.Trim("entry"+string(wrong.JSONPointer), "/"), wrong.JSONKind)
	}
	return "it isn't valid JSON, or has a member twice"
}

func (m *members) key() (namedKey, *SkippedKey) {
	k := namedKey{id: m.ID}
	var skipped *SkippedKey
	switch {
	case m.ID == "":
		return k, skip(KeyUnnamed, "it has no kid")
	case m.Use != "" && m.Use != "sig":
		return k, skip(KeyUse, "its use is %.100q; want sig", m.Use)
	case m.Operations != nil && !slices.Contains(m.Operations, "verify"):
		return k, skip(KeyUse, "its key_ops are %.100q; want verify among them", m.Operations)
	}
	switch m.Type {
	case "RSA":
		k.algorithms = rsaAlgorithms
		k.key, skipped = m.rsa()
	case "EC":
		var alg string
		k.key, alg, skipped = m.ec()
		k.algorithms = []string{alg}
	case "OKP":
		k.algorithms = edDSA
		k.key, skipped = m.ed25519()
	default:
		skipped = skip(KeyUnsupported, "its kty is %.100q; want RSA, EC or OKP", m.Type)
	}
	return k, skipped
}

var rsaAlgorithms = []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}

// edDSA are the two names of one algorithm: that of RFC 8037, and that of RFC 9864.
var edDSA = []string{"EdDSA", "Ed25519"}

// narrow returns the possible algorithms of a key that its own alg allows.
func narrow(possible []string, alg string) ([]string, *SkippedKey) {
	if !slices.Contains(possible, alg) {
		return nil, skip(KeyUnsupported, "its alg is %.100q; want one of %s", alg, strings.Join(possible, ", "))
	}
	if slices.Contains(edDSA, alg) {
		return edDSA, nil
	}
	return []string{alg}, nil
}

// Below the first, RSA is not safe any more (RFC 7518, section 3.3). Above the second, a signature takes long to
// verify.
const (
	minRSABits = 2048
	maxRSABits = 16384
)

func (m *members) rsa() (jwt.VerificationKey, *SkippedKey) {
	n, e := number(m.N), number(m.E)
	switch {
	case n == nil || e == nil:
		return nil, skip(KeyMalformed, "want n and e as numbers in base64url")
	case n.BitLen() < minRSABits || n.BitLen() > maxRSABits:
		return nil, skip(KeySize, "it has %d bits; want %d to %d", n.BitLen(), minRSABits, maxRSABits)
	case n.Bit(0) == 0 || e.Bit(0) == 0 || e.BitLen() < 2 || e.BitLen() > 31:
		return nil, skip(KeyMalformed, "want odd n and e, and e from 3 to 2147483647")
	}
	return &rsa.PublicKey{N: n, E: int(e.Int64())}, nil
}

func (m *members) ec() (key jwt.VerificationKey, alg string, skipped *SkippedKey) {
	curves := map[string]struct {
		curve elliptic.Curve
		alg   string
	}{"P-256": {elliptic.P256(), "ES256"}, "P-384": {elliptic.P384(), "ES384"}, "P-521": {elliptic.P521(), "ES512"}}
	c, ok := curves[m.Curve]
	if !ok {
		return nil, "", skip(KeyUnsupported, "its crv is %.100q; want P-256, P-384 or P-521", m.Curve)
	}
	x, y, size := number(m.X), number(m.Y), c.curve.Params().BitSize
	if x == nil || y == nil || x.BitLen() > size || y.BitLen() > size {
		return nil, "", skip(KeyMalformed, "want x and y as numbers of at most %d bits in base64url", size)
	}
	// some providers drop the zeros in front, so the numbers are written anew
	point := make([]byte, 1+2*((size+7)/8))
	point[0] = 4 // of an uncompressed point
	x.FillBytes(point[1 : 1+len(point)/2])
	y.FillBytes(point[1+len(point)/2:])
	public, err := ecdsa.ParseUncompressedPublicKey(c.curve, point)
	if err != nil {
		return nil, "", skip(KeyMalformed, "the point of x and y is not on its curve")
	}
	return public, c.alg, nil
}

func (m *members) ed25519() (jwt.VerificationKey, *SkippedKey) {
	if m.Curve != "Ed25519" {
		return nil, skip(KeyUnsupported, "its crv is %.100q; want Ed25519", m.Curve)
	}
	x := decode(m.X)
	if len(x) != ed25519.PublicKeySize {
		return nil, skip(KeyMalformed, "want x as %d bytes in base64url", ed25519.PublicKeySize)
	}
	return ed25519.PublicKey(x), nil
}

// number reads a whole number above zero; nil where there is none.
func number(text string) *big.Int {
	if n := new(big.Int).SetBytes(decode(text)); n.Sign() > 0 {
		return n
	}
	return nil
}

// decode reads base64url, and is empty for anything else. Some providers pad it.
func decode(text string) []byte {
	bytes, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(text, "="))
	if err != nil {
		return nil
	}
	return bytes
}
