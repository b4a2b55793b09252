//go:build arm64 && !purego && !race

#include "textflag.h"
#include "neon_arm64.h"
#include "rows_arm64.h"

// Distances of a query of float32 and rows of 16 bits an element, float16 or
// bfloat16, which are widened to float32 on their way: nothing is rounded but the
// sums, as with float32. FEAT_FHM (FMLAL) and FEAT_BF16 (BFDOT) would want the
// query in 16 bits, which rounds it, and BFDOT takes subnormal numbers for zero.
//
// A turn is 16 elements of four rows: 4 loads of 32 bytes, of each row 4
// conversions and 4 multiplications (L2: and 4 differences), each to an accumulator
// of its own, so that a sum is added to once in 16 (24) of them. The query's 64
// bytes are loaded once.

// HALF16 adds 16 elements of a row to its accumulators, HALF8 eight, in row, and
// HALF4 the four or fewer in the lower half of it.
#define HALF16(OP, WIDEN, WIDEN2, reg, s0, s1, s2, s3) \
	VLD1.P 32(reg), [V20.B16, V21.B16]; \
	WIDEN(20, 22);  \
	WIDEN2(20, 23); \
	WIDEN(21, 24);  \
	WIDEN2(21, 25); \
	OP(16, 22, s0); \
	OP(17, 23, s1); \
	OP(18, 24, s2); \
	OP(19, 25, s3)

#define HALF8(OP, WIDEN, WIDEN2, row, s0, s1) \
	WIDEN(row, 24);   \
	WIDEN2(row, row); \
	OP(16, 24, s0);   \
	OP(17, row, s1)

#define HALF4(OP, WIDEN, row, s0) \
	WIDEN(row, row); \
	OP(16, row, s0)

#define HALVES4(OP, WIDEN) \
	HALF4(OP, WIDEN, 20, 0); \
	HALF4(OP, WIDEN, 21, 4); \
	HALF4(OP, WIDEN, 22, 8); \
	HALF4(OP, WIDEN, 23, 12)

// BODY computes the sums of four rows of R14 elements by OP. A tail of fewer than
// four is loaded two and one at a time, with zeros behind it.
#define BODY(OP, WIDEN, WIDEN2) \
	ZERO;                       \
	LSR  $4, R14, R12;          \
	CBZ  R12, eight;            \
sixteen:                            \
	VLD1.P 64(R7), [V16.S4, V17.S4, V18.S4, V19.S4]; \
	HALF16(OP, WIDEN, WIDEN2, R8, 0, 1, 2, 3);       \
	HALF16(OP, WIDEN, WIDEN2, R9, 4, 5, 6, 7);       \
	HALF16(OP, WIDEN, WIDEN2, R10, 8, 9, 10, 11);    \
	HALF16(OP, WIDEN, WIDEN2, R11, 12, 13, 14, 15);  \
	SUBS $1, R12, R12;          \
	BNE  sixteen;               \
eight:                              \
	TBZ  $3, R14, four;         \
	VLD1.P 32(R7), [V16.S4, V17.S4]; \
	LOADROWS(FMOVQ.P, 16);      \
	HALF8(OP, WIDEN, WIDEN2, 20, 0, 1);   \
	HALF8(OP, WIDEN, WIDEN2, 21, 4, 5);   \
	HALF8(OP, WIDEN, WIDEN2, 22, 8, 9);   \
	HALF8(OP, WIDEN, WIDEN2, 23, 12, 13); \
four:                               \
	TBZ  $2, R14, two;          \
	FMOVQ.P 16(R7), F16;        \
	LOADROWS(FMOVD.P, 8);       \
	HALVES4(OP, WIDEN);         \
two:                                \
	TBZ  $1, R14, one;          \
	FMOVD.P 8(R7), F16;         \
	LOADROWS(FMOVS.P, 4);       \
	HALVES4(OP, WIDEN);         \
one:                                \
	TBZ  $0, R14, sum;          \
	FMOVS (R7), F16;            \
	SMALLROWS(MOVHU, 0);        \
	HALVES4(OP, WIDEN);         \
sum:                                \
	FLOATSUMS

// func l2F16NEON(q *float32, rows *byte, dim int, ids *uint32, n int, out *float32, warm int)
TEXT ·l2F16NEON(SB), NOSPLIT, $0-56
	FLOATARGS(1)
	GROUPS(BODY(L2, FCVTL, FCVTL2))

// func l2BF16NEON(q *float32, rows *byte, dim int, ids *uint32, n int, out *float32, warm int)
TEXT ·l2BF16NEON(SB), NOSPLIT, $0-56
	FLOATARGS(1)
	GROUPS(BODY(L2, SHLL, SHLL2))

// func ipF16NEON(q *float32, rows *byte, dim int, ids *uint32, n int, out *float32, warm int)
TEXT ·ipF16NEON(SB), NOSPLIT, $0-56
	FLOATARGS(1)
	GROUPS(BODY(IP, FCVTL, FCVTL2))

// func ipBF16NEON(q *float32, rows *byte, dim int, ids *uint32, n int, out *float32, warm int)
TEXT ·ipBF16NEON(SB), NOSPLIT, $0-56
	FLOATARGS(1)
	GROUPS(BODY(IP, SHLL, SHLL2))
