package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"videosdk-auth-endpoint/internal/guard"
)

func apikey(args []string) error {
	if len(args) != 1 || strings.HasPrefix(args[0], "-") {
		return errors.New("apikey: want a NAME for the key's owner, such as: apikey backend")
	}
	key, line, err := guard.NewAPIKey(args[0])
	if err != nil {
		return fmt.Errorf("apikey: %w", err)
	}
	fmt.Fprintln(os.Stderr, "The key, which is shown this once; its owner sends it as Authorization: Bearer KEY")
	fmt.Println(key)
	fmt.Fprintln(os.Stderr, "The line for AUTH_API_KEYS_FILE:")
	fmt.Println(line)
	return nil
}
