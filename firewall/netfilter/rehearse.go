package netfilter

import "github.com/stockade-nvr/stockade/firewall/ruleset"

// Rehearse tells whether Apply would refuse the ruleset's ports. It changes nothing.
func (k *Kernel) Rehearse(rs ruleset.Ruleset) error { return k.checkPorts(rs.Link) }
