package signer

import (
	"errors"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// claimKinds are the kinds of claims, by the type of their property.
var claimKinds = [...]Kind{String: KindString, Integer: KindNumber, Regions: KindString}

func (p *Property) check(v *Value) (claim, *Violation) {
	if !isUTF8(v) {
		return claim{}, &Violation{p.Name, RuleEncoding, "must be UTF-8, got bytes of another encoding"}
	}
	if p.exact && v.Kind != claimKinds[p.Type] {
		return claim{}, p.violation(RuleType, v.Kind.String())
	}
	switch p.Type {
	case Integer:
		return p.checkInteger(v)
	case Regions:
		return p.checkRegions(v)
	default:
		return p.checkString(v)
	}
}

func (p *Property) violation(rule Rule, got string) *Violation {
	return &Violation{p.Name, rule, "must be " + p.Expects() + ", got " + got}
}

func (p *Property) checkString(v *Value) (claim, *Violation) {
	if v.Kind != KindString {
		return claim{}, p.violation(RuleType, v.Kind.String())
	}
	if n := utf16Len(v.String); n < p.Min || n > p.Max {
		return claim{}, p.violation(RuleLength, strconv.Itoa(n))
	}
	if p.Strict && p.undocumented(v.String) {
		return claim{}, p.violation(RuleCharacters, "another character")
	}
	return claim{sent: true, text: v.String}, nil
}

func isUTF8(v *Value) bool {
	wrong := func(s string) bool { return !utf8.ValidString(s) }
	return !wrong(v.String) && !slices.ContainsFunc(v.Strings, wrong)
}

// utf16Len counts as JavaScript's length does.
func utf16Len(s string) int {
	n := 0
	for _, r := range s {
		n += utf16.RuneLen(r)
	}
	return n
}

func (p *Property) checkInteger(v *Value) (claim, *Violation) {
	n := v.Number
	switch v.Kind {
	case KindNumber:
		if n != math.Trunc(n) {
			return claim{}, p.violation(RuleType, "a fraction")
		}
	case KindString:
		// the whole string must be the number: a typing mistake ("1abc") must not become a host
		whole, err := strconv.Atoi(v.String)
		if err != nil && !errors.Is(err, strconv.ErrRange) {
			return claim{}, p.violation(RuleType, "a string that is not a whole number")
		}
		n = float64(whole)
	default:
		return claim{}, p.violation(RuleType, v.Kind.String())
	}
	if n < float64(p.Min) || n > float64(p.Max) {
		return claim{}, p.violation(RuleRange, "a number out of range")
	}
	return claim{sent: true, number: int(n)}, nil
}

func (p *Property) checkRegions(v *Value) (claim, *Violation) {
	entries := v.Strings
	switch v.Kind {
	case KindString:
		entries = strings.Split(v.String, ",")
	case KindStrings:
	default:
		return claim{}, p.violation(RuleType, v.Kind.String())
	}
	var kept []string
	for _, entry := range entries {
		entry = strings.Map(dropSpace, entry)
		if entry == "" {
			continue
		}
		if !slices.Contains(regionCodes[:], entry) {
			return claim{}, p.violation(RuleRegion, "another region")
		}
		kept = append(kept, entry)
	}
	if kept == nil {
		return claim{}, p.violation(RuleRegion, "no region")
	}
	return claim{sent: true, text: strings.Join(kept, ",")}, nil
}

// dropSpace drops what \s matches in JavaScript, as the sample does.
func dropSpace(r rune) rune {
	if (unicode.IsSpace(r) && r != '\u0085') || r == '\ufeff' {
		return -1
	}
	return r
}
