package main

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestATaskThatKeepsFailingIsInHealth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		a := &app{appOptions: appOptions{Log: slog.New(slog.DiscardHandler)}, failing: map[string]error{}}
		var broken atomic.Bool
		broken.Store(true)
		done := make(chan error, 1)
		go func() {
			done <- a.again(ctx, taskSinkhole, func(ctx context.Context) error {
				if broken.Load() {
					return errors.New("address already in use")
				}
				<-ctx.Done()
				return nil
			})
		}()
		for range 20 { // also between two tries
			time.Sleep(490 * time.Millisecond)
			synctest.Wait()
			if c := a.taskHealth(); len(c) != 1 || c[0].Name != taskSinkhole || c[0].Detail == "" || c[0].Fix == "" {
				t.Fatalf("health says %+v", c)
			}
		}
		broken.Store(false)
		time.Sleep(restartAfter + steadyAfter + time.Millisecond)
		synctest.Wait()
		if c := a.taskHealth(); len(c) != 0 {
			t.Errorf("a task that runs is still in health: %+v", c)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestAFatalErrorEndsTheTask(t *testing.T) {
	fatal := errors.New("no rights")
	a := &app{failing: map[string]error{}}
	if err := a.again(t.Context(), "x", func(context.Context) error { return fatal }, fatal); !errors.Is(err, fatal) {
		t.Errorf("got %v", err)
	}
}
