package tunnel

import "time"

// SetSilent has requests and answers that do not move end after that time. It
// comes before the first tunnel is opened.
func (ts *Tunnels) SetSilent(d time.Duration) { ts.silent = d }
