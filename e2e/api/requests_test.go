package api_test

import (
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// rule is what the requests are made of: the schema of one property.
type rule struct {
	name     string
	required bool
	rule     *jsonschema.Schema
	limits   []limits
}

// limits is a schema, or one of its alternatives.
type limits struct {
	Type                 string
	Minimum, Maximum     int
	MinLength, MaxLength int
	Items                struct{ AnyOf []struct{ Enum []string } }
}

// whiteSpace is \s in JavaScript, whose patterns JSON Schema has.
const whiteSpace = `\t-\r \x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}\x{feff}`

var ecmaScript = strings.NewReplacer(`[\s,]`, `[`+whiteSpace+`,]`, `\s`, `[`+whiteSpace+`]`, `\S`, `[^`+whiteSpace+`]`)

type pattern struct{ *regexp.Regexp }

func compile(expression string) (jsonschema.Regexp, error) {
	compiled, err := regexp.Compile(ecmaScript.Replace(expression))
	return pattern{compiled}, err
}

func (s *service) rules(t *testing.T) []rule {
	t.Helper()
	var request struct {
		Components struct {
			Schemas struct {
				TokenRequest struct {
					Required   []string
					Properties map[string]struct {
						limits
						AnyOf []limits
					}
				}
			}
		}
	}
	if err := json.Unmarshal(s.description, &request); err != nil {
		t.Fatal(err)
	}
	var list []rule
	for name, property := range request.Components.Schemas.TokenRequest.Properties {
		schema := s.schema(t, "components", "schemas", "TokenRequest", "properties", name)
		r := rule{name, slices.Contains(request.Components.Schemas.TokenRequest.Required, name), schema, property.AnyOf}
		if r.limits == nil {
			r.limits = []limits{property.limits}
		}
		list = append(list, r)
	}
	if len(list) == 0 {
		t.Fatal("no properties are described")
	}
	slices.SortFunc(list, func(a, b rule) int { return strings.Compare(a.name, b.name) })
	return list
}

func (r rule) allows(t *testing.T, text string) bool {
	t.Helper()
	return r.rule.Validate(decode(t, []byte(text))) == nil
}

// differs says why the service may see a value in another way than JSON Schema. The list is closed: whatever else differs
// is a mistake.
func (r rule) differs(text string) (why string) {
	var value any
	_ = json.Unmarshal([]byte(text), &value)
	kind := r.limits[0]
	switch v := value.(type) {
	case string:
		if most := kind.MaxLength; most > 0 && len([]rune(v)) <= most && len(utf16.Encode([]rune(v))) > most {
			return "maxLength counts a character beyond U+FFFF once, UTF-16 twice"
		}
		if len(r.limits) == 2 && r.limits[1].Type == "array" && hasInnerSpace(v) {
			return "white space within a region's code is dropped, which no pattern should allow"
		}
	case []any:
		if slices.ContainsFunc(v, func(entry any) bool { text, _ := entry.(string); return hasInnerSpace(text) }) {
			return "the same"
		}
	case float64:
		if exact, ok := new(big.Rat).SetString(text); ok && !exact.IsInt() && v == math.Trunc(v) {
			return "a number is read as float64, which has no more digits"
		}
	}
	return ""
}

var innerSpace = regexp.MustCompile(`[A-Z][` + whiteSpace + `]+[A-Z]`)

func hasInnerSpace(text string) bool { return innerSpace.MatchString(text) }

func quote(text string) string {
	quoted, err := json.Marshal(text)
	if err != nil {
		panic(err)
	}
	return string(quoted)
}

// kinds of JSON that some property does not take, and forms that are easily mistaken.
var kinds = []string{
	`null`, `true`, `false`, `{}`, `{"role":1}`, `[]`, `[1]`, `["1"]`, `[null]`, `[[]]`, `0`, `1`, `-1`, `1.5`, `1e0`, `10e-1`, `-0`, `-0.0`, `1e400`, `-1e400`, `1E-400`,
	`""`, `" "`, `"1 "`, `" 1"`, `"1.0"`, `"1e0"`, `"0x1"`, `"1abc"`, `"+1"`, `"-0"`, `"--1"`, `"+"`, `"00001"`, `"٣"`, `"99999999999999999999"`, `"-99999999999999999999"`, `"1_0"`, `"1\u0000"`, `"\n1"`, `"1\n"`,
	`1.00000000000000000001`, `0.99999999999999999999`, `"US"`, `"\ud800"`, `"\ud83d\ude00"`, `"a\u2028<&>"`,
}

// values are the interesting ones: at each limit and just past it.
func (r rule) values() []string {
	values := slices.Clone(kinds)
	for _, l := range r.limits {
		switch l.Type {
		case "integer":
			for _, n := range []int{l.Minimum - 1, l.Minimum, l.Minimum + 1, (l.Minimum + l.Maximum) / 2, l.Maximum - 1, l.Maximum, l.Maximum + 1, l.Maximum * 10} {
				digits := strconv.Itoa(n)
				for _, form := range []string{"%s", "%s.0", "%s.5", "%se0", `"%s"`, `"+%s"`, `"00%s"`, `"%s.0"`, `" %s"`, `"%s "`, `"-%s"`, `["%s"]`} {
					values = append(values, fmt.Sprintf(form, digits))
				}
			}
		case "string":
			for _, length := range []int{l.MinLength - 1, l.MinLength, l.MaxLength / 2, l.MaxLength/2 + 1, l.MaxLength - 1, l.MaxLength, l.MaxLength + 1, 500} {
				for _, character := range []string{"a", "é", "日", "😀", "\u0000", " "} {
					values = append(values, quote(strings.Repeat(character, max(length, 0))))
				}
				values = append(values, `"`+strings.Repeat(`\ud83d`, max(length, 0))+`"`)
			}
		case "array":
			codes := l.Items.AnyOf[0].Enum
			for _, code := range codes {
				for _, form := range []string{`"%s"`, `["%s"]`, `" %s,"`, `",,%s ,, "`, `["%s",""]`, `[" %s\u3000"]`, `"\ufeff%s\u0085"`, `["%s",1]`, `["%s,%[1]s"]`, `"%s;%[1]s"`, `"%s %[1]s"`, `{"%s":1}`} {
					values = append(values, fmt.Sprintf(form, code))
				}
				values = append(values, quote(strings.ToLower(code)), quote(code[:1]), quote(code+"X"), quote(code[:1]+" "+code[1:]))
			}
			values = append(values, quote(strings.Join(codes, ",")), quote(strings.Join(append(codes, codes...), " , ")), `","`, `[""," "]`, `["",null]`)
		}
	}
	return values
}

// compare sends a request whose properties, by their place in the rules, hold those values, and holds the answer to the
// schemas: a token if all allow it, else exactly those that do not.
func compare(t *testing.T, s *service, list []rule, values map[int]string) (allowed, skipped bool) {
	t.Helper()
	var members, want []string
	for i, r := range list {
		text, sent := values[i]
		switch {
		case !sent && r.required:
			want = append(want, r.name)
		case sent:
			members = append(members, quote(r.name)+":"+text)
			if r.differs(text) != "" {
				return false, true
			}
			if !r.allows(t, text) {
				want = append(want, r.name)
			}
		}
	}
	body := "{" + strings.Join(members, ",") + "}"
	a := s.post(t, body)
	if a.status == 200 != (want == nil) {
		t.Errorf("%s\nis answered %d %s\nthe description forbids %v", body, a.status, a.body, want)
		return false, false
	}
	if got := a.faults(t); want != nil && !slices.Equal(slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(want))) {
		t.Errorf("%s\nis answered with errors for %v, the description forbids %v", body, got, want)
	}
	return want == nil, false
}

// TestTheServiceAcceptsWhatTheDescriptionAllows sends each property what its schema allows and forbids, at the limits and
// just past them, beside what is required, and then many properties at random.
func TestTheServiceAcceptsWhatTheDescriptionAllows(t *testing.T) {
	for name, env := range map[string][]string{"by default": nil, "with a lifetime of our own": {"TOKEN_MAX_TTL=4567s", "TOKEN_DEFAULT_TTL=31m"}} {
		t.Run(name, func(t *testing.T) {
			s := start(t, env...)
			list := s.rules(t)
			for i, r := range list {
				t.Run(r.name, func(t *testing.T) {
					counts := map[bool]int{}
					skipped := 0
					for _, text := range r.values() {
						values := valid(t, list)
						values[i] = text
						ok, skip := compare(t, s, list, values)
						counts[ok]++
						if skip {
							skipped++
						}
					}
					if counts[true] == 0 || counts[false] == 0 {
						t.Errorf("%v: only one side of the rule was tried", counts)
					}
					t.Logf("%d allowed, %d forbidden, %d differ as listed", counts[true], counts[false]-skipped, skipped)
				})
			}
			t.Run("random requests", func(t *testing.T) {
				random := rand.New(rand.NewPCG(1, 2))
				for range 2000 {
					values := map[int]string{}
					for i, r := range list {
						all := r.values()
						if r.required || random.IntN(3) == 0 {
							values[i] = all[random.IntN(len(all))]
						}
						for try := 0; values[i] != "" && !r.allows(t, values[i]) && try < 4; try++ { // mostly valid ones
							values[i] = all[random.IntN(len(all))]
						}
						if random.IntN(20) == 0 {
							delete(values, i)
						}
					}
					compare(t, s, list, values)
				}
			})
		})
	}
}

// valid is a request with what is required, each the first value that its rule allows.
func valid(t *testing.T, list []rule) map[int]string {
	t.Helper()
	values := map[int]string{}
	for i, r := range list {
		if r.required {
			all := r.values()
			values[i] = all[slices.IndexFunc(all, func(text string) bool { return r.allows(t, text) })]
		}
	}
	return values
}

// TestDifferencesAreReal: each reason on the closed list stands for a real difference, or it would have to go.
func TestDifferencesAreReal(t *testing.T) {
	s := start(t)
	list := s.rules(t)
	for _, c := range []struct{ property, text string }{
		{"userKey", quote(strings.Repeat("😀", 19))},
		{"geoRegions", `"U S"`},
		{"geoRegions", `["U S"]`},
		{"videoWebRtcMode", `1.00000000000000000001`},
		{"videoWebRtcMode", `1E-400`},
	} {
		i := slices.IndexFunc(list, func(r rule) bool { return r.name == c.property })
		a := s.post(t, fmt.Sprintf(`{"sessionName":"a","role":1,%q:%s}`, c.property, c.text))
		if list[i].differs(c.text) == "" || list[i].allows(t, c.text) == (a.status == 200) {
			t.Errorf("%s %s: no difference: %d %s", c.property, c.text, a.status, a.body)
		}
	}
}

// TestAnswersConform: whatever is sent, the answer is one that is described.
func TestAnswersConform(t *testing.T) {
	s := start(t)
	for _, body := range []string{`{"sessionName":"a","role":1}`, `{}`, `[]`, `1`, ``, `{`, `nul`, `{"role":1,"role":2}`, strings.Repeat("[", 20000), strings.Repeat(" ", 200000)} {
		s.conforms(t, s.post(t, body))
	}
}
