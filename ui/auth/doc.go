// Package auth keeps accounts: users and roles, passwords, one-time codes,
// TOTP, passkeys, sessions, tokens, lock-out, and the second person's
// confirmation. It knows no HTTP: handlers ask it who somebody is and what they
// may do.
//
// # What is kept
//
// Everything is in the bucket "auth" of the state database, and every change is
// audited in its own transaction: a change that cannot be audited does not
// happen. Of a cookie, a token and a one-time code only the SHA-256 is kept (they
// are random, 80 to 256 bits), of a password an argon2id hash. The secret of a
// TOTP generator has to be kept as it is: whoever can read the file can make
// codes, but has no password by it.
//
// # Sessions
//
// A session is partial while it needs something ([Principal.Need]): it may then
// do nothing but meet that need, and ends after 15 minutes. Needs are worked out
// at each use from what the session proved, what the account has and what the
// site asks, so that a change of any of them counts at once. At every rise of
// what a session may do its secret is changed: a cookie that was planted before
// is worth nothing afterwards. The public id stays.
//
// A change of password, a reset, disabling and a change of role end the user's
// sessions, but for the one that did it; the first three end the tokens too.
// Otherwise these follow their user: they are never more than the user is now, and of
// a user of a provider they work for seven days after it vouched last, and as long as
// [Accounts.Remap] is not told that the site gives their group nothing. Open
// streams are held to all that by [Accounts.Follow]. Whatever outlasts a session
// (password, second factor, token) is changed only by who proves the password again.
//
// # Lock-out
//
// Failures are counted per account and per source (an IPv4 address or an IPv6
// /64). After five, each further one doubles the wait, from 2 s to at most 15
// minutes; a day without failures forgets them. While either waits, nothing is
// tried, not even the right password, nothing is counted, and the answer is the same
// for a name that does not exist. A sign-in takes back its own try only: were the
// name's count to begin anew, strangers who fail on it could tell that it has an owner. A counter that makes somebody wait keeps its place
// however full its table is; when all wait, no new one is tried.
//
// So that nobody can lock an admin out for good by failing on their name, a device (a
// browser in which the account was signed in to) has a counter of its own for that
// account, and is held to that one only, from whatever address. It is known by a
// random secret that [Accounts.Remember] gave it, one for each account, so that it
// tells nothing of other names; who took over or planted one gets five tries more and
// no session. 16 are remembered of an account, for 180 days after the last sign-in;
// a reset forgets them. The box itself is known for every name, those included that
// do not exist. What is counted for accounts survives a restart once it has come to five. A try counts as failed from its beginning on, so a
// thousand at once are no more than five.
//
// A passkey and the code of the first run cannot be guessed: no lock stands in
// their way, or strangers could shut their owner out.
//
// # Two persons
//
// With [Policy].TwoPersons, whatever makes an admin (adding one, raising a user
// to one, enabling one again, a provider's group) waits until another admin has
// confirmed it with a session of their own. Resetting another admin's credentials
// would let the resetter confirm as them: then that is done on the box. Nor can
// whoever was told a user's code have that user raised before a sign-in, and the
// second is always told who had it. What other packages do by two persons they
// file with [Accounts.AskSecond].
//
// # Concurrency and cost
//
// All methods are safe for concurrent use. Reading a principal is one read
// transaction, tens of microseconds; a session's last use is written at most once
// a minute. At most two passwords are hashed at once, 19 MiB each, one of them
// kept for devices that are known, so a flood of sign-ins exhausts neither memory
// nor the other cores. Everything is bounded: users, sessions, tokens, passkeys,
// names, counters, open ceremonies, what waits for confirmation.
package auth
