package nflog

import (
	"fmt"
	"net"
)

// String writes the address as 02:00:00:00:00:11.
func (m MAC) String() string { return net.HardwareAddr(m[:]).String() }

// IsZero reports whether no address is known.
func (m MAC) IsZero() bool { return m == MAC{} }

// MarshalText writes the address as String does, nothing when it is not known.
func (m MAC) MarshalText() ([]byte, error) {
	if m.IsZero() {
		return nil, nil
	}
	return []byte(m.String()), nil
}

// UnmarshalText reads what MarshalText wrote.
func (m *MAC) UnmarshalText(text []byte) error {
	*m = MAC{}
	if len(text) == 0 {
		return nil
	}
	a, err := net.ParseMAC(string(text))
	if err != nil {
		return fmt.Errorf("parse hardware address: %w", err)
	}
	if len(a) != len(m) {
		return fmt.Errorf("parse hardware address: %q has %d bytes, not 6", text, len(a))
	}
	copy(m[:], a)
	return nil
}
