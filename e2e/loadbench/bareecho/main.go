// Command bareecho is Echo with a constant answer of a token's size: what any service on Echo costs at least. With -sign it
// is the least that signs: the body by encoding/json, the token by golang-jwt, and no rule, metric, log line or deadline.
package main

import (
	"flag"
	"log"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/labstack/echo/v4"
)

func main() {
	signs := flag.Bool("sign", false, "sign what is asked for")
	flag.Parse()
	e := echo.New()
	if *signs {
		e.POST("/", sign)
	} else {
		answer := []byte(`{"signature":"` + strings.Repeat("x", 300) + `"}`)
		e.POST("/", func(c echo.Context) error {
			return c.Blob(http.StatusOK, "application/json; charset=utf-8", answer)
		})
	}
	server := &http.Server{Addr: ":" + os.Getenv("PORT"), Handler: e}
	log.Fatal(server.ListenAndServe())
}

func sign(c echo.Context) error {
	var r struct {
		SessionName  string `json:"sessionName"`
		Role         int    `json:"role"`
		SessionKey   string `json:"sessionKey"`
		UserIdentity string `json:"userIdentity"`
	}
	if err := c.Bind(&r); err != nil {
		return err
	}
	now := time.Now().Unix()
	claims := jwt.MapClaims{
		"app_key": "key", "tpc": r.SessionName, "role_type": r.Role, "version": 1, "iat": now, "exp": now + 7200,
		"session_key": r.SessionKey, "user_identity": r.UserIdentity,
	}
	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString([]byte("secret"))
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, map[string]string{"signature": token})
}
