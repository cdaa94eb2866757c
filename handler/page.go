package handler

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"
)

const rootPath = "/"

// pagePaths are the paths of pages: the token path first, and once where it is the root.
func pagePaths(c Config) []string {
	return slices.Compact([]string{c.TokenPath, rootPath, descriptionPath})
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
	header.Set(echo.HeaderXContentTypeOptions, "nosniff")
	// a proxy that compresses makes the tag a weak one, W/"…"
	if strings.Contains(c.Request().Header.Get("If-None-Match"), p.etag) {
		return c.NoContent(http.StatusNotModified)
	}
	return c.Blob(http.StatusOK, p.mediaType, p.content)
}

// describe is the page in the API's description.
func (p page) describe() object {
	return object{{"summary", p.summary}, {"responses", object{{"200", object{
		{"description", p.summary},
		{"content", object{{p.mediaType, object{}}}},
	}}}}}
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
	h.pages[descriptionPath] = newPage(description.summary, description.mediaType, h.describe().json())
}
