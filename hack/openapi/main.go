// Command openapi prints the OpenAPI document of Plumb's HTTP API. The console's types are made of it.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"

	"plumb.cd/plumb/internal/server"
)

func main() {
	raw, err := server.Document("v1")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	var out bytes.Buffer
	if err := json.Indent(&out, raw, "", "  "); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	out.WriteByte('\n')
	if _, err := out.WriteTo(os.Stdout); err != nil {
		os.Exit(1)
	}
}
