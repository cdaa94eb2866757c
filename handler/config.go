package handler

import (
	"errors"
	"math"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"videosdk-auth-endpoint/internal/env"

	"github.com/labstack/gommon/bytes"
)

// Config is what the environment sets of the HTTP side.
type Config struct {
	Port            uint16        `default:"4000"  desc:"the port that serves tokens; 0 takes a free one" envconfig:"PORT"`
	AdminPort       *uint16       `desc:"a port for metrics and health; metrics are then not on PORT, and health answers on both" envconfig:"ADMIN_PORT"`
	Host            string        `desc:"the address of this machine that both ports listen on, such as 127.0.0.1; without it, all addresses" envconfig:"HOST"`
	Metrics         bool          `default:"true"   desc:"false turns /metrics off, for platforms whose only port is public" envconfig:"METRICS"`
	TokenPath       string        `default:"/"      desc:"the path of the token route" envconfig:"TOKEN_PATH"`
	Origins         Origins       `default:"*"      desc:"the web origins that may read answers, comma-separated, or * for all; https://*.example.com is every subdomain" envconfig:"CORS_ALLOWED_ORIGINS"`
	BodyLimit       Size          `default:"8KiB"   desc:"the largest request body; B, kB, KiB, MB or MiB" envconfig:"BODY_LIMIT"`
	RateLimit       float64       `default:"0" desc:"how many requests each caller may make per second, in each replica; 0 for no limit" envconfig:"RATE_LIMIT"`
	RateBurst       uint32        `default:"10" desc:"how many requests a caller may make at once before RATE_LIMIT counts; 1 or more" envconfig:"RATE_LIMIT_BURST"`
	Playground      bool          `default:"false"  desc:"true serves a page to try requests on, at GET /" envconfig:"PLAYGROUND"`
	IdleTimeout     time.Duration `default:"620s"   desc:"how long a connection stays open between two requests; the load balancer in front must close it first" envconfig:"IDLE_TIMEOUT"`
	ShutdownDelay   time.Duration `default:"5s"     desc:"how long requests are still taken after SIGTERM while /readyz answers 503, so that load balancers stop sending them; SIGINT skips it" envconfig:"SHUTDOWN_DELAY"`
	ShutdownTimeout time.Duration `default:"15s"    desc:"how long requests under way may take after that" envconfig:"SHUTDOWN_TIMEOUT"`
}

// Validate returns every mistake of the settings, joined.
func (c *Config) Validate() error {
	isPath := strings.HasPrefix(c.TokenPath, "/") && !strings.ContainsAny(c.TokenPath, ":*?#%{} \t")
	_, err := netip.ParseAddr(c.Host)
	return errors.Join(
		env.WrongIf(!isPath, "TOKEN_PATH: want a path such as / or /token, with none of : * ? # % { } in it"),
		env.WrongIf(isPath && reserved(c.TokenPath),
			"TOKEN_PATH: want another path, that one serves health, metrics, the API's description or the playground"),
		env.WrongIf(c.AdminPort != nil && *c.AdminPort == c.Port && c.Port != 0,
			"ADMIN_PORT: want another port than PORT, or none to serve metrics on PORT"),
		env.WrongIf(err != nil && strings.ContainsAny(c.Host, ":/[] \t"),
			"HOST: want an address of this machine such as 127.0.0.1 or ::1, without a port"),
		env.WrongIf(c.BodyLimit < 1, "BODY_LIMIT: want at least 1B"),
		env.WrongIf(c.RateLimit < 0 || math.IsNaN(c.RateLimit) || math.IsInf(c.RateLimit, 0),
			"RATE_LIMIT: want a number such as 5 or 0.5, or 0 for no limit"),
		env.WrongIf(c.RateBurst < 1 || c.RateBurst > math.MaxInt32, "RATE_LIMIT_BURST: want 1 or more"),
		env.WrongIf(c.IdleTimeout <= 0, "IDLE_TIMEOUT: want more than 0s"),
		env.WrongIf(c.ShutdownDelay < 0, "SHUTDOWN_DELAY: want 0s or more"),
		env.WrongIf(c.ShutdownTimeout <= 0, "SHUTDOWN_TIMEOUT: want more than 0s"),
	)
}

// HealthURL is where this configuration's readiness is asked from the same machine.
func (c *Config) HealthURL() string {
	port := c.Port
	if c.AdminPort != nil {
		port = *c.AdminPort
	}
	host := c.Host
	if address, err := netip.ParseAddr(host); host == "" || err == nil && address.IsUnspecified() {
		host = "127.0.0.1"
	}
	return "http://" + joinPort(host, port) + readyPath
}

func joinPort(host string, port uint16) string {
	return net.JoinHostPort(host, strconv.Itoa(int(port)))
}

// Size is a number of bytes.
type Size int64

// Decode reads a size such as 1500, 100kB or 1MiB. It is the envconfig.Decoder.
func (s *Size) Decode(text string) error {
	n, err := bytes.Parse(text)
	if err != nil {
		return env.Mistake("want a size such as 1500, 100kB or 1MiB")
	}
	*s = Size(n)
	return nil
}
