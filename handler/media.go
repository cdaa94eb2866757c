package handler

import (
	"bytes"
	"mime"
	"slices"
	"strings"
)

var (
	errCharset  = failed(415, "Content-Type", "must have charset utf-8, or none")
	errEncoding = failed(415, "Content-Encoding", "must be identity: send the body uncompressed")
)

// mediaForm is what curl -d and old browsers say of a body when they are not told otherwise.
const mediaForm = "application/x-www-form-urlencoded"

// mediaOf returns the media type that a header Content-Type names, and checks its charset. A proxy may have joined two
// such headers with a comma; the first one counts. A type that can't be parsed is returned as it is, and isJSON doesn't
// know it.
func mediaOf(contentType string) (string, error) {
	switch contentType {
	case mediaJSON, "":
		return contentType, nil
	}
	contentType, _, _ = strings.Cut(contentType, ",")
	media, params, err := mime.ParseMediaType(contentType)
	if err != nil && media == "" {
		return contentType, nil
	}
	charset := strings.ToLower(strings.Trim(params["charset"], "'"))
	if !slices.Contains([]string{"", "utf-8", "utf8", "us-ascii"}, charset) {
		return "", errCharset
	}
	return media, nil
}

// isJSON reports whether a body of that media type is read as JSON. Many clients forget the header; browsers then send
// text/plain, and curl a form. A form is read only where it is a JSON object.
func isJSON(media string, body []byte) bool {
	switch media {
	case mediaJSON, "", "text/plain", "text/json":
		return true
	case mediaForm:
		return bytes.HasPrefix(bytes.TrimLeft(body, jsonSpace), []byte{'{'})
	default:
		return strings.HasPrefix(media, "application/") && strings.HasSuffix(media, "+json")
	}
}

const jsonSpace = " \t\r\n"

// compressed reports whether the headers Content-Encoding name a coding. The coding identity changes nothing.
func compressed(codings []string) bool {
	for _, header := range codings {
		for coding := range strings.SplitSeq(header, ",") {
			if coding = strings.TrimSpace(coding); coding != "" && !strings.EqualFold(coding, "identity") {
				return true
			}
		}
	}
	return false
}

// wideEncoding names the encoding of text that takes two or four bytes for each character; it is empty for others. JSON
// starts with an ASCII character, so one of the first two bytes is 0 there, or they are a byte order mark.
func wideEncoding(body []byte) string {
	start := body[:min(len(body), 4)]
	switch {
	case bytes.Contains(start, []byte{0, 0}):
		return "UTF-32"
	case bytes.Contains(start[:min(len(start), 2)], []byte{0}),
		bytes.HasPrefix(start, []byte("\xff\xfe")), bytes.HasPrefix(start, []byte("\xfe\xff")):
		return "UTF-16"
	default:
		return ""
	}
}

// unquoted reports whether the body starts with a single quote, or its first name has no double quotes. Both come from
// Windows' shells, which pass single quotes on to curl and remove double ones.
func unquoted(body []byte) bool {
	body = bytes.TrimLeft(body, jsonSpace)
	if bytes.HasPrefix(body, []byte{'\''}) {
		return true
	}
	names, object := bytes.CutPrefix(body, []byte{'{'})
	names = bytes.TrimLeft(names, jsonSpace)
	return object && len(names) > 0 && names[0] != '"' && names[0] != '}'
}
