// Command bareecho is Echo with a constant answer of a token's size: what any service on Echo costs at least.
package main

import (
	"log"
	"net/http"
	"os"
	"strings"

	"github.com/labstack/echo/v4"
)

func main() {
	answer := []byte(`{"signature":"` + strings.Repeat("x", 300) + `"}`)
	e := echo.New()
	e.POST("/", func(c echo.Context) error {
		return c.Blob(http.StatusOK, "application/json; charset=utf-8", answer)
	})
	server := &http.Server{Addr: ":" + os.Getenv("PORT"), Handler: e}
	log.Fatal(server.ListenAndServe())
}
