package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"time"

	"github.com/stockade-nvr/stockade/ui/uitest"
)

func main() {
	url := flag.String("url", "http://127.0.0.1:8080", "address of the recorder")
	out := flag.String("out", "docs/screens", "folder for the PNG files")
	settle := flag.Duration("settle", 3*time.Second, "how long to watch before a picture is taken")
	latency := flag.Duration("latency", 300*time.Millisecond, "what every live tile must be below then: without a GPU and beside other work more than the page needs elsewhere")
	flag.Parse()
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Minute)
	defer cancel()
	if err := (uitest.Screens{BaseURL: *url, Dir: *out, Settle: *settle, Patience: time.Minute, Latency: *latency}).Take(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "take pictures:", err)
		cancel()
		os.Exit(1)
	}
}
