//go:build arm64 && !purego && !race

#include "textflag.h"
#include "neon_arm64.h"
#include "rows_arm64.h"

// Distances of codes of one byte. A row is a multiple of 64 bytes, so there
// are no tails.
//
// The inner product of q, bytes with a sign, and a row, bytes without, is that
// of q and the row less 128, bytes with a sign again, and 128 times the sum of
// q: the former needs no instruction for mixed signs, the latter goes into base
// once. V26 has the bits of the signs, V27 base less 128 times the sum.

// L2WORDS and IPWORDS add a register of a row to its sum by products of words.
#define L2WORDS(q, row, sum) \
	UABD(row, q, row); \
	SQUAREWORDS(row, sum)

#define IPWORDS(q, row, sum) \
	EOR16(26, row, row); \
	PRODUCTWORDS(q, row, sum)

// L2DOT and IPDOT do so by FEAT_DotProd.
#define L2DOT(q, row, sum) \
	UABD(row, q, row); \
	UDOT(row, row, sum)

#define IPDOT(q, row, sum) \
	EOR16(26, row, row); \
	SDOT(row, q, sum)

// BODY computes the sums of four rows by OP.
#define BODY(OP) \
	ZERO;                        \
	MOVD R2, R12;                \
loop:                                \
	ROWS64(OP);                  \
	SUBS $64, R12, R12;          \
	BNE  loop;                   \
	INTSUMS

// BASE sets V26 and V27.
#define BASE \
	VMOVI $0x80, V26.B16;         \
	VEOR  V0.B16, V0.B16, V0.B16; \
	MOVD  R0, R7;                 \
	MOVD  R2, R12;                \
query:                                \
	VLD1.P 16(R7), [V16.B16];     \
	SADDLP(16, 16);               \
	SADALP(16, 0);                \
	SUBS  $16, R12, R12;          \
	BNE   query;                  \
	VADDV V0.S4, V0;              \
	VMOV  V0.S[0], R12;           \
	MOVWU base+56(FP), R13;       \
	SUB   R12<<7, R13, R13;       \
	VDUP  R13, V27.S4

// LESS takes the sums away from V27.
#define LESS \
	VSUB V0.S4, V27.S4, V0.S4

// func l2CodesNEON(q, rows *byte, stride int, ids *uint32, n int, out *uint32, warm int)
TEXT ·l2CodesNEON(SB), NOSPLIT, $0-56
	ARGS(stride)
	GROUPS(BODY(L2WORDS))

// func l2CodesDot(q, rows *byte, stride int, ids *uint32, n int, out *uint32, warm int)
TEXT ·l2CodesDot(SB), NOSPLIT, $0-56
	ARGS(stride)
	GROUPS(BODY(L2DOT))

// func ipCodesNEON(q, rows *byte, stride int, ids *uint32, n int, out *uint32, warm int, base uint32)
TEXT ·ipCodesNEON(SB), NOSPLIT, $0-60
	ARGS(stride)
	BASE
	GROUPS(BODY(IPWORDS); LESS)

// func ipCodesDot(q, rows *byte, stride int, ids *uint32, n int, out *uint32, warm int, base uint32)
TEXT ·ipCodesDot(SB), NOSPLIT, $0-60
	ARGS(stride)
	BASE
	GROUPS(BODY(IPDOT); LESS)
