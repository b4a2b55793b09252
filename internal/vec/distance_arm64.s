//go:build arm64 && !purego && !race

#include "textflag.h"
#include "neon_arm64.h"
#include "rows_arm64.h"

// Distances of float32. A tail of fewer than four floats is loaded two and one
// at a time; the rest of such a register is zero and adds nothing.

// L2 and IP add one register of a row to its sum.
#define L2(q, row, sum) \
	FSUB(row, q, row); \
	FMLA(row, row, sum)

#define IP(q, row, sum) \
	FMLA(row, q, sum)

// BODY computes the sums of four rows of R14 floats by OP.
#define BODY(OP) \
	ZERO;                     \
	LSR $4, R14, R12;         \
	CBZ R12, tail;            \
sixteen:                          \
	ROWS64(OP);               \
	SUBS $1, R12, R12;        \
	BNE  sixteen;             \
tail:                             \
	UBFX $2, R14, $2, R12;    \
	CBZ  R12, two;            \
four:                             \
	VLD1.P 16(R7), [V16.S4];  \
	VLD1.P 16(R8), [V20.S4];  \
	VLD1.P 16(R9), [V21.S4];  \
	VLD1.P 16(R10), [V22.S4]; \
	VLD1.P 16(R11), [V23.S4]; \
	OP(16, 20, 0);            \
	OP(16, 21, 4);            \
	OP(16, 22, 8);            \
	OP(16, 23, 12);           \
	SUBS $1, R12, R12;        \
	BNE  four;                \
two:                              \
	TBZ $1, R14, one;         \
	FMOVD.P 8(R7), F16;       \
	FMOVD.P 8(R8), F20;       \
	FMOVD.P 8(R9), F21;       \
	FMOVD.P 8(R10), F22;      \
	FMOVD.P 8(R11), F23;      \
	OP(16, 20, 1);            \
	OP(16, 21, 5);            \
	OP(16, 22, 9);            \
	OP(16, 23, 13);           \
one:                              \
	TBZ $0, R14, sum;         \
	FMOVS (R7), F16;          \
	FMOVS (R8), F20;          \
	FMOVS (R9), F21;          \
	FMOVS (R10), F22;         \
	FMOVS (R11), F23;         \
	OP(16, 20, 2);            \
	OP(16, 21, 6);            \
	OP(16, 22, 10);           \
	OP(16, 23, 14);           \
sum:                              \
	FLOATSUMS

// func l2NEON(q, rows *float32, dim int, ids *uint32, n int, out *float32, warm int)
TEXT ·l2NEON(SB), NOSPLIT, $0-56
	ARGS(dim)
	MOVD R2, R14
	LSL  $2, R2, R2
group:
	GROUP
	BODY(L2)
	STORE(group)

// func ipNEON(q, rows *float32, dim int, ids *uint32, n int, out *float32, warm int)
TEXT ·ipNEON(SB), NOSPLIT, $0-56
	ARGS(dim)
	MOVD R2, R14
	LSL  $2, R2, R2
group:
	GROUP
	BODY(IP)
	STORE(group)
