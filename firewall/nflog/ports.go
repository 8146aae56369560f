package nflog

import (
	"net"
	"strconv"
	"time"
)

// portsTTL bounds how long a renamed interface keeps its old name in hits.
const portsTTL = 5 * time.Second

// ports remembers the names of interfaces: asking the kernel costs more than
// all the rest of a hit. Used by one goroutine.
type ports struct {
	names map[uint32]string
	since time.Time
}

// name gives the interface's name at now, "if12" for one that is gone, "" for none.
func (p *ports) name(index uint32, now time.Time) string {
	if index == 0 {
		return ""
	}
	if age := now.Sub(p.since); p.names == nil || age > portsTTL || age < 0 {
		p.names, p.since = make(map[uint32]string), now
	}
	if n, ok := p.names[index]; ok {
		return n
	}
	n := "if" + strconv.FormatUint(uint64(index), 10)
	if ifc, err := net.InterfaceByIndex(int(index)); err == nil {
		n = ifc.Name
	}
	p.names[index] = n
	return n
}
