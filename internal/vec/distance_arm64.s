//go:build arm64 && !purego && !race

#include "textflag.h"
#include "neon_arm64.h"
#include "rows_arm64.h"

// Distances of float32. A tail of fewer than four floats is loaded two and one
// at a time; the rest of such a register is zero and adds nothing.

// BODY computes the sums of four rows of R14 floats by OP.
#define BODY(OP) \
	ZERO;                  \
	LSR  $4, R14, R12;     \
	CBZ  R12, tail;        \
sixteen:                       \
	ROWS64(OP);            \
	SUBS $1, R12, R12;     \
	BNE  sixteen;          \
tail:                          \
	UBFX $2, R14, $2, R12; \
	CBZ  R12, two;         \
four:                          \
	LOAD(FMOVQ.P, 16);     \
	TAILROWS(OP);          \
	SUBS $1, R12, R12;     \
	BNE  four;             \
two:                           \
	TBZ  $1, R14, one;     \
	LOAD(FMOVD.P, 8);      \
	OP(16, 20, 1);         \
	OP(16, 21, 5);         \
	OP(16, 22, 9);         \
	OP(16, 23, 13);        \
one:                           \
	TBZ  $0, R14, sum;     \
	LOAD(FMOVS, 0);        \
	OP(16, 20, 2);         \
	OP(16, 21, 6);         \
	OP(16, 22, 10);        \
	OP(16, 23, 14);        \
sum:                           \
	FLOATSUMS

// func l2NEON(q, rows *float32, dim int, ids *uint32, n int, out *float32, warm int)
TEXT ·l2NEON(SB), NOSPLIT, $0-56
	FLOATARGS(2)
	GROUPS(BODY(L2))

// func ipNEON(q, rows *float32, dim int, ids *uint32, n int, out *float32, warm int)
TEXT ·ipNEON(SB), NOSPLIT, $0-56
	FLOATARGS(2)
	GROUPS(BODY(IP))
