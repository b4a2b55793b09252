package objectstore

import (
	"errors"
	"strings"
	"testing"
)

func TestCheckKey(t *testing.T) {
	good := []string{
		"a", "insert_log/1/2/3/100/7-0", "a.b/c", "x y/z", "größe", "com10", "console/nul_", "...a", "-",
		strings.Repeat("k", 255), ".tmp/x",
	}
	for _, key := range good {
		if err := CheckKey(key); err != nil {
			t.Errorf("%q: %v", key, err)
		}
	}
	bad := []string{
		"", "/", "/a", "a/", "a//b", ".", "..", "../a", "a/../b", "a/./b", "a\\b", "c:a", "a\x00b", "a\nb", "a\x7f",
		"nul", "NUL.txt", "a/con", "Com1.log", "lpt9", "aux .x", "COM¹", "a.", "a /b", "a*", "q?", "\xff",
		strings.Repeat("k", 256), strings.Repeat("k/", 600) + "k",
	}
	for _, key := range bad {
		if err := CheckKey(key); !errors.Is(err, ErrBadKey) {
			t.Errorf("%q: %v, want ErrBadKey", key, err)
		}
	}
}
