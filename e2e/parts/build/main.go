// Command build builds the programs that the tests run beside the service, those that it is told or all, as far as they
// are not there yet.
package main

import (
	"log"
	"os"

	"videosdk-auth-endpoint/e2e/parts"
)

func main() {
	if err := parts.Build(os.Stdout, os.Args[1:]...); err != nil {
		log.Fatal(err)
	}
}
