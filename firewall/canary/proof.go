package canary

import (
	"fmt"
	"strings"
	"time"
)

// Proof is what one round found. It is not changed any more.
type Proof struct {
	Began    time.Time
	Took     time.Duration
	CPU      time.Duration // of the round's own thread, with what the kernel did in its name
	Paths    []Path
	Controls []Control
	Notes    []string // what could not be tried here, in words
	Fault    string   // why no round could be made at all; empty where one was
}

// Path is what became of one way that a packet could take.
type Path struct {
	ID, As, Text string
	Outcome      Outcome
	Expected     string   // what stops it, such as "L3 egress"
	Seen         []string // what did, the same way
	Leaks        []string // where it came out
	Detail       string   // why it could not be sent
}

// Outcome of a path.
type Outcome string

// The outcomes.
const (
	Stopped    Outcome = "stopped"     // where it should be, as the log tells
	OtherLayer Outcome = "other-layer" // by another layer than the one that is there for it
	Unseen     Outcome = "unseen"      // nothing came out, and nothing said why
	Leaked     Outcome = "leaked"
)

// Control is a packet that must be seen at a place where leaks are looked for.
type Control struct {
	ID, Text string
	Seen     bool
}

// Verdict is what a round proves.
type Verdict string

// The verdicts, the best first.
const (
	Proved   Verdict = "proved"   // each path stopped where it should be, and every tap sees
	Unproved Verdict = "unproved" // no round could be made, or a tap is deaf
	Weakened Verdict = "weakened" // nothing leaked, but not each path was stopped where it should be
	Leaking  Verdict = "leaking"
)

// Verdict judges the round by its worst part.
func (p Proof) Verdict() Verdict {
	switch {
	case p.Count(Leaked) > 0:
		return Leaking
	case p.Fault != "" || len(p.Paths) == 0:
		return Unproved
	case p.Count(Unseen)+p.Count(OtherLayer) > 0:
		return Weakened
	}
	for _, c := range p.Controls {
		if !c.Seen {
			return Unproved
		}
	}
	return Proved
}

// Count is how many paths had an outcome.
func (p Proof) Count(o Outcome) int {
	n := 0
	for _, x := range p.Paths {
		if x.Outcome == o {
			n++
		}
	}
	return n
}

// maxReasons is how many paths are named in words; the list has all.
const maxReasons = 4

// Reasons says in words why the verdict is not Proved, worst first.
func (p Proof) Reasons() []string {
	if p.Fault != "" {
		return []string{p.Fault}
	}
	var list []string
	for _, o := range []Outcome{Leaked, Unseen, OtherLayer} {
		n := 0
		for _, x := range p.Paths {
			if x.Outcome != o {
				continue
			}
			if n++; n <= maxReasons {
				list = append(list, x.String())
			}
		}
		if more := n - maxReasons; more > 0 {
			list = append(list, fmt.Sprintf("and %d more paths like that", more))
		}
	}
	for _, c := range p.Controls {
		if !c.Seen {
			list = append(list, "the canary is deaf at "+c.Text+": its control packet was not seen there")
		}
	}
	return list
}

// String says what became of a path.
func (x Path) String() string {
	head := fmt.Sprintf("canary, %s device to %s (%s)", x.As, x.Text, x.ID)
	switch x.As {
	case Outside:
		head = fmt.Sprintf("canary, from outside to %s (%s)", x.Text, x.ID)
	case Box:
		head = fmt.Sprintf("canary, from the box itself to %s (%s)", x.Text, x.ID)
	}
	switch {
	case x.Outcome == Leaked:
		return head + ": came out at " + strings.Join(x.Leaks, ", ")
	case x.Outcome == OtherLayer:
		return fmt.Sprintf("%s: held by %s, and not by %s", head, strings.Join(x.Seen, ", "), x.Expected)
	case x.Detail != "":
		return head + ": could not be tried: " + x.Detail
	case x.Outcome == Unseen:
		return fmt.Sprintf("%s: did not come out, and nothing tells what held it; it should be %s", head, x.Expected)
	}
	return head + ": " + strings.Join(x.Seen, ", ")
}

// Unseeable says what no round proves, in words.
func Unseeable() []string {
	return []string{
		"the flags of the other camera ports, and whether each device's pair is where it belongs: both are read back, not tried",
		"what an external switch forwards between its own ports, and a camera's own radio or modem",
		"frames that pass by the box's network stack, as by XDP redirection or a card's own switching: the firewall looks for those",
	}
}
