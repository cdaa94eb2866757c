package handler

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"net/http"
	"strings"
)

const (
	rootPath        = "/"
	descriptionPath = "/openapi.json"
)

// playground is a page to try requests on. The browser makes its form from the API's description.
//
//go:embed playground
var playground embed.FS

// playgroundFiles are the page and what it loads, by their paths.
var playgroundFiles = map[string]*page{
	rootPath:                newFile("index.html", "A page to try requests on", "text/html; charset=utf-8"),
	"/playground/app.js":    newFile("app.js", "", "text/javascript; charset=utf-8"),
	"/playground/style.css": newFile("style.css", "", "text/css; charset=utf-8"),
	"/playground/icon.svg":  newFile("icon.svg", "", "image/svg+xml"),
}

func newFile(name, summary, mediaType string) *page {
	content, err := playground.ReadFile("playground/" + name)
	if err != nil {
		panic(err) // the binary has it
	}
	return newPage(summary, mediaType, content)
}

// contentPolicy lets a page load from this endpoint and ask this endpoint, nothing else. No other page may frame it.
const contentPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"form-action 'none'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"

// page is what GET is answered with on one path; it stays the same while the service runs.
type page struct {
	summary, mediaType string
	content            []byte
	etag               string
}

func newPage(summary, mediaType string, content []byte) *page {
	p := &page{summary: summary, mediaType: mediaType}
	p.fill(content)
	return p
}

func (p *page) fill(content []byte) {
	hash := sha256.Sum256(content)
	p.content, p.etag = content, `"`+hex.EncodeToString(hash[:8])+`"`
}

// answer answers GET and HEAD; a client that has the page already is told so.
func (p *page) answer(x *exchange) error {
	header := x.Header()
	header.Set("Cache-Control", "no-cache")
	header.Set("ETag", p.etag)
	header.Set("Content-Security-Policy", contentPolicy)
	header.Set("Referrer-Policy", "no-referrer")
	// a proxy that compresses makes the tag a weak one, W/"…"
	if strings.Contains(x.Request.Header.Get("If-None-Match"), p.etag) {
		x.WriteHeader(http.StatusNotModified)
		return nil
	}
	return x.send(http.StatusOK, p.mediaType, p.content)
}

// describe is the page in the API's description.
func (p *page) describe() object {
	return object{{"summary", p.summary}, {"responses", object{
		{"200", object{{"description", p.summary}, {"content", object{{p.mediaType, object{}}}}}},
		{"304", object{{"description", "The client has it already, as its If-None-Match says"}}},
	}}}
}

// aboutPage says what this endpoint is to whoever opens it in a browser. It is a 200, because load balancers expect
// that of GET /. An app whose POST became a GET on the way finds errors in it, as in every answer without a token.
func aboutPage(tokenPath string) *page {
	return newPage("What this endpoint is", mediaJSON, object{
		{"errors", one("method", "must be POST to get a token, and this request came as GET: a redirect, such as from http "+
			"to https, turns a POST into a GET")},
		{"about", "This endpoint signs tokens for Zoom Video SDK apps. Ask for one with the request below."},
		{"request", object{{"method", http.MethodPost}, {"path", tokenPath}, {"body", exampleRequest}}},
		{"openapi", descriptionPath},
		{"documentation", zoomDocs},
	}.json())
}

const zoomDocs = "https://developers.zoom.us/docs/video-sdk/auth/"

// exampleRequest is the README's.
var exampleRequest = object{
	{"sessionName", "Cool Cars"}, {"role", 1}, {"sessionKey", "session123"}, {"userIdentity", "user123"},
}
