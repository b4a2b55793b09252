package objectstore

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Limits of a key in bytes: a name in a folder, and S3's for the whole.
const (
	maxKeyPart = 255
	maxKey     = 1024
)

// CheckKey returns an error that wraps ErrBadKey unless key can name an object
// in every store: slash-separated parts of UTF-8 that are file names on every
// system. So there are no empty parts, no "." and "..", no control
// characters, none of \ : * ? " < > |, no part that ends in a dot or a space,
// no device name of Windows, and no part over 255 bytes or key over 1,024.
func CheckKey(key string) error {
	switch {
	case key == "":
		return fmt.Errorf("%w: empty", ErrBadKey)
	case len(key) > maxKey:
		return fmt.Errorf("%w: %d bytes long, at most %d", ErrBadKey, len(key), maxKey)
	case !utf8.ValidString(key):
		return fmt.Errorf("%w: %q is not UTF-8", ErrBadKey, key)
	}
	for part := range strings.SplitSeq(key, "/") {
		if reason := badPart(part); reason != "" {
			return fmt.Errorf("%w: %q: part %q %s", ErrBadKey, key, part, reason)
		}
	}
	return nil
}

func badPart(part string) string {
	switch {
	case part == "":
		return "is empty"
	case part == "." || part == "..":
		return "is a way out of the folder"
	case len(part) > maxKeyPart:
		return fmt.Sprintf("is longer than %d bytes", maxKeyPart)
	case part[len(part)-1] == '.' || part[len(part)-1] == ' ':
		return "ends in a dot or a space"
	case isDevice(part):
		return "is a device name"
	}
	for _, r := range part {
		if r < 0x20 || r == 0x7f || strings.ContainsRune(`\:*?"<>|`, r) {
			return fmt.Sprintf("contains %q", r)
		}
	}
	return ""
}

// isDevice reports names that Windows takes for a device in every folder,
// whatever follows the first dot.
func isDevice(part string) bool {
	stem, _, _ := strings.Cut(part, ".")
	stem = strings.ToUpper(strings.TrimRight(stem, " "))
	switch stem {
	case "CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$":
		return true
	}
	if len(stem) < 4 || stem[:3] != "COM" && stem[:3] != "LPT" {
		return false
	}
	switch stem[3:] {
	case "0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "¹", "²", "³":
		return true
	}
	return false
}
