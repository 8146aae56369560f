package outputs

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"time"

	"github.com/stockade-nvr/stockade/internal/durable"
)

const (
	marksFile  = "outputs.json"
	marksBytes = 1 << 20
	saveEvery  = 10 * time.Second
)

// mark is how far a receiver has been told.
type mark struct {
	Address string    `json:"address"`
	Before  time.Time `json:"before"` // all attempts last hit before it were delivered
}

func (s *Outputs) readMarks() error {
	if s.o.StateDir == "" {
		return nil
	}
	text, err := durable.Read(filepath.Join(s.o.StateDir, marksFile), marksBytes)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read how far receivers were told: %w", err)
	}
	marks := map[string]mark{}
	if err := json.Unmarshal(text, &marks); err != nil {
		return fmt.Errorf("read how far receivers were told: %s: %w", marksFile, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	maps.Copy(s.marks, marks)
	return nil
}

// keepMarks writes the marks down. Where that fails, a restart tells some again.
func (s *Outputs) keepMarks() {
	s.mu.Lock()
	for t, r := range s.running {
		s.marks[t.ID] = mark{t.Address, r.delivered()}
	}
	kept := map[string]mark{}
	for _, t := range s.targets { // those of receivers that are gone are gone
		if m, ok := s.marks[t.ID]; ok {
			kept[t.ID] = m
		}
	}
	text, err := json.Marshal(kept)
	s.mu.Unlock()
	if s.o.StateDir == "" {
		return
	}
	if err == nil {
		err = durable.Replace(filepath.Join(s.o.StateDir, marksFile), append(text, '\n'), nil)
	}
	if err != nil {
		s.log.Warn("how far receivers were told is kept in memory only", "error", err)
	}
}
