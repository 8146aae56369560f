package proof_test

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stockade-nvr/stockade/internal/proof"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func newKey(t testing.TB) *proof.Key {
	t.Helper()
	k, err := proof.OpenKey(t.TempDir())
	must(t, err)
	return k
}

func TestKeyIsMadeOnceAndKept(t *testing.T) {
	dir := t.TempDir()
	first, err := proof.OpenKey(dir)
	must(t, err)
	for name, mode := range map[string]os.FileMode{proof.KeyName: 0o600, proof.PublicName: 0o644} {
		st, err := os.Stat(filepath.Join(dir, name))
		must(t, err)
		if st.Mode().Perm() != mode {
			t.Errorf("%s has mode %04o", name, st.Mode().Perm())
		}
	}
	again, err := proof.OpenKey(dir)
	must(t, err)
	public, err := proof.ReadPublic(filepath.Join(dir, proof.PublicName))
	must(t, err)
	if again.Public().ID() != first.Public().ID() || public.ID() != first.Public().ID() {
		t.Errorf("ids are %s, %s and %s", first.Public().ID(), again.Public().ID(), public.ID())
	}
	must(t, public.Check(again.Sign("list", 1, proof.Genesis("list"), time.Now())))
	left, err := os.ReadDir(dir)
	must(t, err)
	if len(left) != 2 {
		t.Errorf("the directory holds %v", left)
	}
}

func TestTwoStartsAtOnceUseOneKey(t *testing.T) {
	dir := t.TempDir()
	ids := make([]proof.KeyID, 8)
	var wg sync.WaitGroup
	for i := range ids {
		wg.Go(func() {
			if k, err := proof.OpenKey(dir); err != nil {
				t.Error(err)
			} else {
				ids[i] = k.Public().ID()
			}
		})
	}
	wg.Wait()
	for _, id := range ids {
		if id != ids[0] {
			t.Errorf("keys are %v", ids)
		}
	}
}

func TestKeyIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(dir string) error
		want  error
		says  string
	}{
		"readable by others": {func(dir string) error { return os.Chmod(filepath.Join(dir, proof.KeyName), 0o640) }, proof.ErrKeyOpen, "chmod 600"},
		"damaged":            {func(dir string) error { return os.WriteFile(filepath.Join(dir, proof.KeyName), []byte("x"), 0o600) }, proof.ErrKeyDamaged, "backup"},
		"empty":              {func(dir string) error { return os.Truncate(filepath.Join(dir, proof.KeyName), 0) }, proof.ErrKeyDamaged, "backup"},
		"public half of another": {func(dir string) error {
			public, _, err := ed25519.GenerateKey(nil)
			return errors.Join(err, os.WriteFile(filepath.Join(dir, proof.PublicName), proof.PublicOf(public).PEM(), 0o644))
		}, nil, "put back"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			_, err := proof.OpenKey(dir)
			must(t, err)
			must(t, c.spoil(dir))
			_, err = proof.OpenKey(dir)
			if err == nil || c.want != nil && !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestKeyPrintsNoSecret(t *testing.T) {
	k := newKey(t)
	want := k.String()
	for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
		if got := fmt.Sprintf(format, k); got != want {
			t.Errorf("%s prints %q", format, got)
		}
	}
}
