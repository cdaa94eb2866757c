package handler

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"
)

const rootPath = "/"

// playground is a page to try requests on. It is made of the API's description in the browser.
//
//go:embed playground
var playground embed.FS

// playgroundFiles are the page and what it loads, by their paths.
var playgroundFiles = map[string]page{
	rootPath:                newFile("index.html", "A page to try requests on", "text/html; charset=utf-8"),
	"/playground/app.js":    newFile("app.js", "", "text/javascript; charset=utf-8"),
	"/playground/style.css": newFile("style.css", "", "text/css; charset=utf-8"),
	"/playground/icon.svg":  newFile("icon.svg", "", "image/svg+xml"),
}

func newFile(name, summary, mediaType string) page {
	content, err := playground.ReadFile("playground/" + name)
	if err != nil {
		panic(err) // the binary has it
	}
	return newPage(summary, mediaType, content)
}

// contentPolicy lets a page load what this endpoint serves and ask this endpoint alone, and no other page frame it.
const contentPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"form-action 'none'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"

// describedPaths are those of the API's description: the token path first, and once where it is the root.
func describedPaths(c Config) []string {
	return slices.Compact([]string{c.TokenPath, rootPath, descriptionPath})
}

// isPagePath says that GET on that path is taken by a page, whatever is configured.
func isPagePath(path string) bool {
	_, ok := playgroundFiles[path]
	return path == descriptionPath || ok && path != rootPath
}

// page is what GET is answered with on one path; it stays the same while the service runs.
type page struct {
	summary, mediaType string
	content            []byte
	etag               string
}

func newPage(summary, mediaType string, content []byte) page {
	hash := sha256.Sum256(content)
	return page{summary, mediaType, content, `"` + hex.EncodeToString(hash[:8]) + `"`}
}

// serve answers GET and HEAD; a client that has the page already is told so.
func (p page) serve(c echo.Context) error {
	header := c.Response().Header()
	header.Set(echo.HeaderCacheControl, "no-cache")
	header.Set("ETag", p.etag)
	header.Set(echo.HeaderContentSecurityPolicy, contentPolicy)
	header.Set(echo.HeaderXContentTypeOptions, "nosniff")
	header.Set(echo.HeaderReferrerPolicy, "no-referrer")
	// a proxy that compresses makes the tag a weak one, W/"…"
	if strings.Contains(c.Request().Header.Get("If-None-Match"), p.etag) {
		return c.NoContent(http.StatusNotModified)
	}
	return c.Blob(http.StatusOK, p.mediaType, p.content)
}

// describe is the page in the API's description.
func (p page) describe() object {
	return object{{"summary", p.summary}, {"responses", object{
		{"200", object{{"description", p.summary}, {"content", object{{p.mediaType, object{}}}}}},
		{"304", object{{"description", "The client has it already, as its If-None-Match says"}}},
	}}}
}

// newPages makes all of them; the API's description comes last, since it describes the others.
func (h *Handler) newPages() {
	about := newPage("What this endpoint is", echo.MIMEApplicationJSON, object{
		{"about", "This endpoint signs tokens for Zoom Video SDK apps. Ask for one with the request below."},
		{"request", object{{"method", http.MethodPost}, {"path", h.config.TokenPath}, {"body", exampleRequest}}},
		{"openapi", descriptionPath},
		{"documentation", zoomDocs},
	}.json())
	description := page{summary: "This description", mediaType: echo.MIMEApplicationJSON}
	h.pages = map[string]page{rootPath: about, h.config.TokenPath: about, descriptionPath: description}
	if h.config.Playground {
		maps.Copy(h.pages, playgroundFiles)
	}
	h.pages[descriptionPath] = newPage(description.summary, description.mediaType, h.describe().json())
}
