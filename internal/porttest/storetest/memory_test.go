package storetest

import "testing"

func TestMemory(t *testing.T) {
	Run(t, func(*testing.T) Subject {
		s := &Memory{}
		return Subject{Store: s, Files: s}
	})
}
