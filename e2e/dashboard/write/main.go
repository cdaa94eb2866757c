// Write makes the chart's Grafana dashboard anew, in the file that it is given.
package main

import (
	"fmt"
	"os"

	"videosdk-auth-endpoint/e2e/dashboard"
)

func main() {
	content, err := dashboard.JSON()
	if err == nil && len(os.Args) == 2 {
		err = os.WriteFile(os.Args[1], content, 0o644)
	}
	if err != nil || len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "write FILE:", err)
		os.Exit(1)
	}
}
