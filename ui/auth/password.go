package auth

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// What a password must be. Length is what counts; no rule asks for a digit here
// and a sign there.
const (
	minPassword      = 12 // characters
	maxPassword      = 256
	maxPasswordBytes = 4 * maxPassword // before any work is done on it
	minDistinct      = 5               // different characters
)

// commonest are what lists of leaked passwords have, of those that are long
// enough, folded to lower case. Short ones with digits or signs after them are
// caught by commonWords.
var commonest = map[string]bool{
	"1q2w3e4r5t6y": true, "1q2w3e4r5t6y7u8i": true, "1qaz2wsx3edc": true, "1qaz2wsx3edc4rfv": true,
	"qwertyuiop12": true, "qwertyuiop123": true, "qwertyuiop[]": true, "qwertyuiopasdfgh": true,
	"qwertyuiopasdfghjkl": true, "asdfghjkl123": true, "zxcvbnm12345": true, "zaq12wsxcde3": true,
	"abcdefghijkl": true, "abcdefghijklm": true, "abcdefghijklmnop": true, "abcd1234efgh": true,
	"123456789012": true, "1234567890123": true, "12345678901234567890": true, "123456789abc": true,
	"0123456789ab": true, "123456qwerty": true, "1234567890qw": true, "qwerty123456": true,
	"iloveyou1234": true, "iloveyouforever": true, "letmeinplease": true, "correcthorsebatterystaple": true,
	"correct horse battery staple": true, "trustno1trustno1": true, "opensesame123": true,
	"passwordpassword": true, "password1password": true, "mypassword123": true, "thisismypassword": true,
	"administrator": true, "administrator1": true, "adminadminadmin": true, "admin1234567": true,
	"rootrootroot": true, "defaultpassword": true, "nvr123456789": true, "stockade1234": true,
	"securitycamera": true, "hikvision123": true, "dahua1234567": true,
}

// commonWords make no password of what is only one of them and a tail of digits
// and signs, whatever their number.
var commonWords = map[string]bool{
	"password": true, "passw0rd": true, "p@ssword": true, "p@ssw0rd": true, "passwort": true, "qwerty": true, "qwertz": true,
	"qwertyuiop": true, "admin": true, "administrator": true, "root": true, "welcome": true, "changeme": true, "letmein": true,
	"iloveyou": true, "monkey": true, "dragon": true, "football": true, "baseball": true, "sunshine": true, "princess": true,
	"master": true, "secret": true, "default": true, "camera": true, "security": true, "stockade": true, "abc": true, "abcdef": true,
	"비밀번호": true, "관리자": true,
}

// normalPassword gives a password as it is hashed: the same, whichever way a
// keyboard composes its characters. False when it is longer than any may be.
func normalPassword(password string) (string, bool) {
	if len(password) > maxPasswordBytes || !utf8.ValidString(password) {
		return "", false
	}
	return norm.NFC.String(password), true
}

// checkPassword gives a new password as it is hashed, or says what is wrong with it.
func checkPassword(password string, u User) (string, error) {
	p, ok := normalPassword(password)
	n := utf8.RuneCountInString(p)
	switch {
	case !ok, n > maxPassword:
		return "", invalid("the password is too long", fmt.Sprintf("at most %d characters", maxPassword))
	case n < minPassword:
		return "", invalid("the password is too short", fmt.Sprintf("at least %d characters: a few words do well", minPassword))
	case strings.ContainsFunc(p, unicode.IsControl):
		return "", invalid("the password has a control character", "type it anew")
	}
	folded := nameKey(p)
	if folded == nameKey(u.Name) || folded == nameKey(u.Display) {
		return "", invalid("the password is the name", "choose another")
	}
	word := strings.TrimRightFunc(folded, func(r rune) bool { return !unicode.IsLetter(r) })
	if commonest[folded] || commonWords[word] || word == "" || word == nameKey(u.Name) || distinct(folded) < minDistinct {
		return "", invalid("the password is one of those that are tried first", "choose a few words that do not belong together")
	}
	return p, nil
}

func distinct(s string) int {
	seen := map[rune]bool{}
	for _, r := range s {
		seen[r] = true
	}
	return len(seen)
}
