"""Tests that need nothing but Python and, some of them, the Go worker."""
