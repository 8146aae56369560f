package proof

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// The names of the key's files in its directory.
const (
	KeyName    = "site.key"
	PublicName = "site.pub"
)

const (
	privateBlock = "PRIVATE KEY" // PKCS #8, as OpenSSL reads it
	publicBlock  = "PUBLIC KEY"  // PKIX
	maxKeyFile   = 4 << 10       // bytes
)

// Errors of a key's file.
var (
	ErrKeyOpen    = errors.New("the site key can be read by others")
	ErrKeyDamaged = errors.New("not an Ed25519 key in a PEM file")
)

// Key signs for the site. It prints as its id, never as its secret.
type Key struct {
	private ed25519.PrivateKey
	public  Public
}

// OpenKey reads the site key from dir/site.key, or makes it, and writes the half
// that may be given away to dir/site.pub. The directory must exist. It refuses a
// key that others can read (ErrKeyOpen) and one that is damaged (ErrKeyDamaged):
// it never makes a new key where one was, since nothing that the old one signed
// could be checked any more.
func OpenKey(dir string) (*Key, error) {
	name := filepath.Join(dir, KeyName)
	private, err := readPrivate(name)
	if errors.Is(err, fs.ErrNotExist) {
		private, err = makePrivate(name)
	}
	if err != nil {
		return nil, fmt.Errorf("open site key: %w", err)
	}
	k := &Key{private: private, public: PublicOf(private.Public().(ed25519.PublicKey))}
	if err := k.publish(filepath.Join(dir, PublicName)); err != nil {
		return nil, fmt.Errorf("open site key: %w", err)
	}
	return k, nil
}

// Public gives the half that checks signatures.
func (k *Key) Public() Public { return k.public }

// String names the key without its secret.
func (k *Key) String() string { return "site key " + string(k.public.id) }

// GoString keeps the secret out of %#v too.
func (k *Key) GoString() string { return k.String() }

// Sign makes the head of a list: seq and hash are those of its last record, or 0
// and Genesis of an empty one. It panics on the name of a list that
// is not 1 to 128 letters, digits, dots, dashes, underscores and slashes: that is our own bug.
func (k *Key) Sign(list string, seq uint64, hash Hash, at time.Time) Head {
	if !validList(list) {
		panic(fmt.Sprintf("proof: %q cannot be the name of a list", list))
	}
	h := Head{List: list, Seq: seq, Hash: hash, Time: at.UTC().Round(0), Key: k.public.id}
	h.Signature = ed25519.Sign(k.private, h.canonical())
	return h
}

func readPrivate(name string) (ed25519.PrivateKey, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if st.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("%s has mode %04o: %w: run chmod 600 %s, and find out who read it", name, st.Mode().Perm(), ErrKeyOpen, name)
	}
	der, err := readBlock(f, privateBlock)
	if err != nil {
		return nil, fmt.Errorf("%s: %w: put it back from a backup", name, err)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(der)
	private, ok := parsed.(ed25519.PrivateKey)
	if err != nil || !ok {
		return nil, fmt.Errorf("%s: %w: put it back from a backup", name, ErrKeyDamaged)
	}
	return private, nil
}

// readBlock reads the one PEM block of a file.
func readBlock(r io.Reader, kind string) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxKeyFile))
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil || block.Type != kind {
		return nil, ErrKeyDamaged
	}
	return block.Bytes, nil
}

// makePrivate makes a key. Of two that start at once one wins, and both use its key.
func makePrivate(name string) (ed25519.PrivateKey, error) {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make key: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return nil, fmt.Errorf("make key: %w", err)
	}
	err = writeFile(name, pem.EncodeToMemory(&pem.Block{Type: privateBlock, Bytes: der}), 0o600, os.Link)
	switch {
	case errors.Is(err, fs.ErrExist):
		return readPrivate(name)
	case err != nil:
		return nil, fmt.Errorf("make key: %w", err)
	}
	return private, nil
}

// publish writes the public half where it is not there yet, and refuses one of another key.
func (k *Key) publish(name string) error {
	there, err := ReadPublic(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return writeFile(name, k.public.PEM(), 0o644, os.Rename)
	case err != nil:
		return err
	case there.id != k.public.id:
		return fmt.Errorf("%s is of key %s, and %s is %s: put back the one that belongs to the other", name, there.id, KeyName, k.public.id)
	}
	return nil
}

// writeFile writes a file all or nothing: publish is os.Rename, or os.Link where
// a file that is there must win.
func writeFile(name string, content []byte, perm os.FileMode, publish func(from, to string) error) error {
	dir := filepath.Dir(name)
	f, err := os.CreateTemp(dir, filepath.Base(name)+".tmp-*")
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	err = errors.Join(err, f.Chmod(perm), f.Sync(), f.Close())
	if err == nil {
		err = publish(f.Name(), name)
	}
	if rm := os.Remove(f.Name()); rm != nil && !errors.Is(rm, fs.ErrNotExist) {
		err = errors.Join(err, rm)
	}
	if err != nil {
		return err
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
