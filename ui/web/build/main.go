package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/stockade-nvr/stockade/ui/web/internal/bundle"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	files, err := bundle.Files(".")
	if err != nil {
		return err
	}
	// Files of an earlier build have other names: they go.
	if err := os.RemoveAll("dist"); err != nil {
		return fmt.Errorf("clear dist: %w", err)
	}
	if err := os.MkdirAll("dist", 0o755); err != nil {
		return fmt.Errorf("make dist: %w", err)
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join("dist", name), text, 0o644); err != nil {
			return fmt.Errorf("write bundle: %w", err)
		}
	}
	return nil
}
