package main

import (
	"context"
	"net/http"
	"time"

	"videosdk-auth-endpoint/internal/files"
	"videosdk-auth-endpoint/internal/guard"
	"videosdk-auth-endpoint/signer"
	"videosdk-auth-endpoint/telemetry"

	"github.com/rs/zerolog"
)

// watchInterval is how often files are looked at. New content is used once two looks in a row have seen it, so a change
// takes effect within twice this time.
const watchInterval = 2 * time.Second

// watch follows what changes while the service runs: the files of credentials and of API keys, and the key set.
func watch(ctx context.Context, c config, tokens *signer.HS256, o *observability) {
	credentials := reload(o.log, "credentials", o.metrics.Rotated)
	if c.signer.KeyFile != "" || c.signer.SecretFile != "" {
		use := func(c signer.Credentials) { tokens.Use(c); credentials(nil) }
		go files.Watch(ctx, time.Tick(watchInterval), c.credentials, c.signer.Credentials, use, credentials)
		go watchEntries(ctx, &c.signer, o.log)
	}
	c.guard.Run(ctx, guard.Background{
		Transport: telemetry.Transport(http.DefaultTransport, o.tracing),
		Ticks:     func() <-chan time.Time { return time.Tick(watchInterval) },
		KeySet:    keySetFetched(o, c.guard.Ready),
		APIKeys:   reload(o.log, "API keys", o.metrics.APIKeysRead),
		Policy:    reload(o.log, "policy", o.metrics.PolicyRead),
	})
}

// watchEntries warns of unused entries whenever others are there than before, even if the credentials stay the same.
func watchEntries(ctx context.Context, c *signer.Config, log *telemetry.Log) {
	read := func() (string, error) { return unusedEntries(c), nil }
	warn := func(warning string) {
		if warning != "" {
			log.Warn().Msg(warning)
		}
	}
	files.Watch(ctx, time.Tick(watchInterval), unusedEntries(c), read, warn, nil)
}

// reload returns a function that counts and logs each reading of a file that has changed. After an error the earlier
// content stays in use. There always is some, because the service doesn't start without it.
func reload(log *telemetry.Log, what string, count func(error)) func(error) {
	return func(err error) {
		count(err)
		if err != nil {
			log.Error().Err(err).Msg(what + " not read; what was read before stays in use")
			return
		}
		log.Info().Msg(what + " read")
	}
}

// keySetFetched returns a function that counts and logs each fetch of a key set. It logs a key that isn't used only
// when the key set before didn't have it.
func keySetFetched(o *observability, ready func() bool) func(guard.KeySetFetch) {
	return func(f guard.KeySetFetch) {
		o.metrics.KeySetFetched(f)
		for _, key := range f.Skipped {
			if key.Known {
				continue
			}
			level := zerolog.WarnLevel
			if key.Reason == guard.KeyUse { // keys for encryption are common
				level = zerolog.InfoLevel
			}
			o.log.WithLevel(level).Str("issuer", f.Source).Str("key", key.String()).
				Msg("key skipped; the other keys of its key set are used")
		}
		if f.Err == nil {
			o.log.Info().Str("issuer", f.Source).Msg("key set read")
			return
		}
		message := "key set not read; the keys from before stay in use"
		switch {
		case f.First && ready():
			message = "key set not read, and there is no earlier one: users of this issuer are refused"
		case f.First:
			message = "key set not read, and there is no earlier one: the service is not ready"
		}
		o.log.Error().Str("issuer", f.Source).Err(f.Err).Msg(message)
	}
}
