package firewall

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/stockade-nvr/stockade/internal/durable"
	"github.com/stockade-nvr/stockade/internal/proof"
)

// Note says who opened the camera side, when and why. While it lies in the state
// directory as disarmed.json, the daemon obeys it instead of enforcing (C1).
//
// Notes are a list that is proved as package proof does it: each is a record
// whose hash covers the note before, and the site key signs it. So a note that
// was edited, brought from another site, or was ended already, is not obeyed.
// Arming moves the note to notes/NUMBER.json.
type Note struct {
	Who  string    `json:"who"`
	When time.Time `json:"when"`
	Why  string    `json:"why"`
	Site string    `json:"site,omitempty"`

	Number    uint64      `json:"number,omitempty"` // of the notes of this box, from 1
	Before    proof.Hash  `json:"before"`           // of the note before; of an empty list for the first
	Signature *proof.Head `json:"signature,omitempty"`
}

const (
	noteList  = "firewall/notes"
	notesDir  = "notes" // below the state directory: notes that were ended
	noteLimit = 64 << 10
)

// Errors of a note.
var (
	// ErrNote asks for what a disarming note must say.
	ErrNote = errors.New("disarming needs a name and a reason")
	// errNoteRefused says that a note lies there that is not obeyed.
	errNoteRefused = errors.New("the disarming note is not obeyed")
)

// hash is the note's as a record of the list, its signature left out.
func (n Note) hash() (proof.Hash, error) {
	n.Signature = nil
	body, err := json.Marshal(n)
	if err != nil {
		return proof.Hash{}, fmt.Errorf("write the disarming note: %w", err)
	}
	return proof.Link(n.Before, n.Number, body), nil
}

// notary writes and judges the notes of one state directory.
type notary struct {
	dir  string
	key  func() (*proof.Key, error) // nil: nobody signs, and what lies there is believed
	site func() string              // nil: any
}

// leave writes a note, signed where that can be done; unsigned says why it could not.
func (y notary) leave(n Note) (written Note, unsigned string, err error) {
	n.When = n.When.UTC().Round(0)
	if y.site != nil {
		n.Site = y.site()
	}
	last, before, err := y.last()
	if err != nil { // an account that cannot be read must not keep anybody from writing the next
		unsigned, before = err.Error(), proof.Genesis(noteList)
	}
	n.Number, n.Before = last+1, before
	if y.key != nil {
		if err := y.sign(&n); err != nil {
			unsigned = err.Error()
		}
	}
	b, err := json.MarshalIndent(n, "", "  ")
	if err != nil {
		return n, unsigned, fmt.Errorf("write the disarming note: %w", err)
	}
	return n, unsigned, publish(y.dir, disarmedMark, append(b, '\n'))
}

func (y notary) sign(n *Note) error {
	key, err := y.key()
	if err != nil {
		return err
	}
	hash, err := n.hash()
	if err != nil {
		return err
	}
	head := key.Sign(noteList, n.Number, hash, n.When)
	n.Signature = &head
	return nil
}

// read gives the note that is to be obeyed; ok is false where there is none. A
// note that cannot be read or is refused is none: it would open the box on a
// disk error, or for whoever can write a file. doubt says why it could not be
// checked, which is no reason to fight whoever disarmed.
func (y notary) read() (n Note, ok bool, doubt string, err error) {
	b, err := durable.Read(filepath.Join(y.dir, disarmedMark), noteLimit)
	if errors.Is(err, fs.ErrNotExist) {
		return n, false, "", nil
	}
	if err == nil {
		n, doubt, err = y.parse(b)
	}
	if err != nil {
		return n, false, "", fmt.Errorf("%w: %w", errNoteRefused, err)
	}
	return n, true, doubt, nil
}

// parse reads a note and judges it: anybody may have written it.
func (y notary) parse(b []byte) (n Note, doubt string, err error) {
	if err := json.Unmarshal(b, &n); err != nil {
		return n, "", err
	}
	if n.Who == "" || n.Why == "" {
		return n, "", errors.New("it does not say who and why")
	}
	doubt, err = y.judge(n)
	return n, doubt, err
}

// judge checks a note wherever there is a key to check it with. Where the key
// cannot be read, nvr firewall disarm could not sign either: then the note is
// believed, in doubt.
func (y notary) judge(n Note) (doubt string, err error) {
	if y.site != nil && n.Site != y.site() {
		return "", fmt.Errorf("it is for site %q, and this is %q", n.Site, y.site())
	}
	if y.key != nil {
		if doubt, err = y.checkSignature(n); err != nil {
			return "", err
		}
	}
	// The number stands in a file's name: what the file says, if it can be read, is
	// not needed for it.
	ended, _, err := y.last()
	switch {
	case n.Number != 0 && n.Number <= ended:
		return "", fmt.Errorf("it is note %d, which was ended already", n.Number)
	case err != nil && ended == 0 && doubt == "":
		doubt = "whether it was ended already could not be checked: " + err.Error()
	}
	return doubt, nil
}

// checkSignature checks a note with the site key; doubt says why it cannot.
func (y notary) checkSignature(n Note) (doubt string, err error) {
	key, doubt := y.open()
	switch {
	case key == nil:
		return doubt, nil
	case n.Signature == nil:
		return "", errors.New("it bears no signature, and nvr firewall disarm signs with the site key")
	}
	head, err := proof.ParseHead(n.Signature.Encode())
	if err != nil {
		return "", err
	}
	if err := key.Public().Check(head); err != nil {
		return "", err
	}
	hash, err := n.hash()
	if err == nil && (head.List != noteList || head.Seq != n.Number || head.Hash != hash) {
		err = errors.New("it was changed after it was signed")
	}
	return "", err
}

// open gives the site key, or says why a note cannot be checked.
func (y notary) open() (key *proof.Key, doubt string) {
	key, err := y.key()
	if err != nil {
		return nil, "it could not be checked: " + err.Error()
	}
	return key, ""
}

// end takes the note away, into the account of notes that were ended; it gives
// the note, if there was one that could be read. Where that account takes none,
// such as on a full disk, the note goes all the same, and unkept says why it is
// not there: it must not keep the box open (C1).
func (y notary) end(now time.Time) (n Note, ok bool, unkept, err error) {
	n, ok, _, refused := y.read()
	if !ok && refused == nil {
		return n, false, nil, nil
	}
	name := fmt.Sprintf("%06d.json", n.Number)
	if !ok {
		name = "refused-" + now.UTC().Format("20060102T150405.000") + ".json"
	}
	if unkept = y.keep(name); unkept == nil {
		return n, ok, nil, nil
	}
	if err := os.RemoveAll(filepath.Join(y.dir, disarmedMark)); err != nil {
		return n, false, nil, errors.Join(unkept, fmt.Errorf("take the disarming note away: %w", err))
	}
	return n, ok, unkept, nil
}

// keep moves the note to those that were ended, all of it within the state directory.
func (y notary) keep(name string) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("keep the disarming note: %w", err)
		}
	}()
	root, err := os.OpenRoot(y.dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	if err := root.Mkdir(notesDir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	d, err := root.Open(notesDir)
	if err != nil {
		return err
	}
	if err := errors.Join(durable.GiveToOwner(root, d), d.Close()); err != nil {
		return err
	}
	if err := root.Rename(disarmedMark, filepath.Join(notesDir, name)); err != nil {
		return err
	}
	return errors.Join(syncDir(filepath.Join(y.dir, notesDir)), syncDir(y.dir))
}

// last gives number and hash of the note that was ended last.
func (y notary) last() (uint64, proof.Hash, error) {
	entries, err := os.ReadDir(filepath.Join(y.dir, notesDir))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return 0, proof.Hash{}, fmt.Errorf("read the notes before: %w", err)
	}
	var number uint64
	name := ""
	for _, e := range entries {
		digits, ok := strings.CutSuffix(e.Name(), ".json")
		if n, err := strconv.ParseUint(digits, 10, 64); ok && err == nil && n > number {
			number, name = n, e.Name()
		}
	}
	if name == "" {
		return 0, proof.Genesis(noteList), nil
	}
	var n Note
	b, err := durable.Read(filepath.Join(y.dir, notesDir, name), noteLimit)
	if err == nil {
		err = json.Unmarshal(b, &n)
	}
	if err != nil {
		return number, proof.Hash{}, fmt.Errorf("read note %d: %w", number, err)
	}
	hash, err := n.hash()
	return number, hash, err
}
