package base

import (
	"testing"
	"time"
)

func TestTimestampParts(t *testing.T) {
	ts := ComposeTimestamp(1700000000123, 7)
	if ts.Physical() != 1700000000123 {
		t.Fatalf("physical %d", ts.Physical())
	}
	if got := ts.Add(5*time.Second) - ts; got != 5000<<18 {
		t.Fatalf("add moved by %d", got)
	}
	if got := ts.Add(-time.Duration(1<<62)) > ts; got {
		t.Fatal("subtracting went forward")
	}
	if Timestamp(5).Add(-time.Second) != 0 {
		t.Fatal("want saturation at zero")
	}
}

func TestPositionOrder(t *testing.T) {
	ascending := []Position{{}, {0, "a"}, {0, "ab"}, {0, "b"}, {1, ""}, {1, "a"}}
	for i, p := range ascending {
		for j, q := range ascending {
			want := 0
			if i < j {
				want = -1
			} else if i > j {
				want = 1
			}
			if got := p.Compare(q); got != want {
				t.Errorf("%v against %v: %d, want %d", p, q, got, want)
			}
		}
	}
	if !ascending[0].IsZero() || ascending[1].IsZero() {
		t.Error("IsZero")
	}
}
