//go:build arm64 && !purego && !race

#include "textflag.h"
#include "neon_arm64.h"
#include "rows_arm64.h"

// Distances of rows of bytes with a sign, exactly. A turn is 64 bytes of four rows,
// see ROWS64: 16 bytes are one SDOT or, of L2, a distance and a UDOT; without
// FEAT_DotProd four instructions, or five.

// L2WORDS adds a register of a row to its sum by products of words, as PRODUCTWORDS
// does for the inner product: the distance of two bytes has no sign and is below 256.
#define L2WORDS(q, row, sum) \
	SABD(row, q, row); \
	SQUAREWORDS(row, sum)

// L2DOT and IPDOT do it by FEAT_DotProd.
#define L2DOT(q, row, sum) \
	SABD(row, q, row); \
	UDOT(row, row, sum)

#define IPDOT(q, row, sum) \
	SDOT(row, q, sum)

// BODY computes the sums of four rows of R2 bytes by OP.
#define BODY(OP) \
	ZERO;             \
	LSR  $6, R2, R12; \
	CBZ  R12, tail;   \
loop:                     \
	ROWS64(OP);       \
	SUBS $1, R12, R12; \
	BNE  loop;        \
tail:                     \
	BYTETAIL(OP)      \
	INTSUMS

// func l2Int8NEON(q, rows *byte, stride int, ids *uint32, n int, out *int32, warm int)
TEXT ·l2Int8NEON(SB), NOSPLIT, $0-56
	ARGS(stride)
	GROUPS(BODY(L2WORDS))

// func l2Int8Dot(q, rows *byte, stride int, ids *uint32, n int, out *int32, warm int)
TEXT ·l2Int8Dot(SB), NOSPLIT, $0-56
	ARGS(stride)
	GROUPS(BODY(L2DOT))

// func ipInt8NEON(q, rows *byte, stride int, ids *uint32, n int, out *int32, warm int)
TEXT ·ipInt8NEON(SB), NOSPLIT, $0-56
	ARGS(stride)
	GROUPS(BODY(PRODUCTWORDS))

// func ipInt8Dot(q, rows *byte, stride int, ids *uint32, n int, out *int32, warm int)
TEXT ·ipInt8Dot(SB), NOSPLIT, $0-56
	ARGS(stride)
	GROUPS(BODY(IPDOT))
