package env

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"

	"videosdk-auth-endpoint/internal/files"
)

// AddFile sets the variables of a file such as .env that the environment doesn't have. A file that isn't there sets
// none. The remarks name the lines that may not mean what they seem to mean. Neither they nor the error hold anything
// of a line.
func AddFile(path string) (remarks []string, err error) {
	text, err := files.Read(path)
	if errors.Is(err, files.ErrMissing) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	variables, remarks := parse(text)
	for name, value := range variables {
		if _, set := os.LookupEnv(name); set {
			continue
		}
		if err := os.Setenv(name, value); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	for i := range remarks {
		remarks[i] = path + ": " + remarks[i]
	}
	return remarks, nil
}

// DropEmpty forgets the variables that are empty, so that they count as not set.
func DropEmpty() {
	for _, entry := range os.Environ() {
		if name, value, _ := strings.Cut(entry, "="); value == "" {
			os.Unsetenv(name)
		}
	}
}

// white is what JavaScript calls white space. The byte order mark, which editors on Windows put first, is one of them.
const white = `[\s\v\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}\x{feff}]`

// assignment is what Node's dotenv takes for a variable: its name, its value and a comment. A value in quotes may have
// line breaks in it. Without quotes it ends at a # or with its line.
var assignment = regexp.MustCompile(`(?m)^` + white + `*(?:export` + white + `+)?([\w.-]+)` +
	`(?:` + white + `*=|:` + white + `)` +
	`(` + white + `*(?:'(?:\\'|[^'])*'|"(?:\\"|[^"])*"|` + "`(?:\\\\`|[^`])*`" + `)|[^#\n]+)?` +
	white + `*(#.*)?$`)

var outerWhite = regexp.MustCompile(`^` + white + `+|` + white + `+$`)

func trim(text string) string { return outerWhite.ReplaceAllString(text, "") }

// parse reads variables as Node's dotenv does, so that one file works with both: nothing is expanded, and a line that
// is not an assignment is skipped.
func parse(text string) (variables map[string]string, remarks []string) {
	text = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(text)
	variables = map[string]string{}
	line, counted := 1, 0
	remark := func(at int, what string) {
		line += strings.Count(text[counted:at], "\n")
		counted = at
		remarks = append(remarks, fmt.Sprintf("line %d: %s", line, what))
	}
	end := 0 // of the assignment before
	skip := func(to int) {
		for part := range strings.Lines(text[end:to]) {
			if said := trim(part); said != "" && said[0] != '#' {
				remark(end, "want NAME=value; the line is ignored")
			}
			end += len(part)
		}
	}
	for _, m := range assignment.FindAllStringSubmatchIndex(text, -1) {
		skip(m[0])
		end = m[1]
		name, raw := text[m[2]:m[3]], ""
		if m[4] >= 0 {
			raw = text[m[4]:m[5]]
		}
		value := trim(raw)
		variables[name] = unquote(value)
		quoted := value != "" && strings.Contains(quotes, value[:1])
		switch {
		case quoted && variables[name] == value:
			remark(m[2], "the value starts with a quote and does not end with it, so the quote is part of the value")
		case !quoted && value != "" && m[6] == m[5] && strings.HasSuffix(raw, value):
			remark(m[2], "the value ends at the #; put quotes around a value that has a # in it")
		}
	}
	skip(len(text))
	return variables, remarks
}

const quotes = "'\"`"

// unquote drops the quotes around a value. Line breaks are written as \n and \r in double quotes alone, even where
// those are not closed.
func unquote(value string) string {
	if value == "" || !strings.Contains(quotes, value[:1]) {
		return value
	}
	double := value[0] == '"'
	if end := len(value) - 1; end > 0 && value[0] == value[end] {
		value = value[1:end]
	}
	if double {
		value = strings.ReplaceAll(strings.ReplaceAll(value, `\n`, "\n"), `\r`, "\r")
	}
	return value
}
