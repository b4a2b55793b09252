//go:build arm64 && !purego && !race

#include "textflag.h"
#include "neon_arm64.h"
#include "rows_arm64.h"

// Distances of codes of 4 and 6 bits, see Packing. A turn is a block of 128 elements
// of four rows, of which the query's 128 bytes, in V16 to V23, are loaded once. Half
// a block of a row is 64 codes, which are unpacked to V26, V27, V24 and V25: 6
// instructions for 4 bits, 12 for 6. With FEAT_DotProd the products of 16 elements
// are one instruction, their squares (L2) another. Without, four products of bytes
// are added up in words before those are added in 32 bits: 255 * 63 * 4 < 2^16 and,
// with a sign, 128 * 63 * 4 < 2^15; so are all eight squares.
//
//	V0-V15 four accumulators a row: of products two (IP: four), of squares two;
//	       without FEAT_DotProd one each, and V1, V3 and V5 are scratch
//	V28, V29 the upper bits of 6       V30 15 in each byte, V31 48

// UNPACK4 unpacks 32 bytes.
#define UNPACK4(reg, off) \
	FLDPQ off(reg), (F24, F25);     \
	VAND  V30.B16, V24.B16, V26.B16; \
	VAND  V30.B16, V25.B16, V27.B16; \
	VUSHR $4, V24.B16, V24.B16;     \
	VUSHR $4, V25.B16, V25.B16

// LOW6 makes the codes of the lower halves of bytes in n, whose upper bits are those
// of top shifted left; HIGH6 those of the upper halves, whose upper bits are where
// they have to be.
#define LOW6(n, top, shift, c) \
	VSHL shift, top, c;   \
	VAND V31.B16, c, c;   \
	VBIT V30.B16, n, c

#define HIGH6(n, top) \
	VUSHR $4, n, n;      \
	VBIT  V31.B16, top, n

#define UNPACK6A(reg) \
	FLDPQ 64(reg), (F28, F29);            \
	FLDPQ (reg), (F24, F25);              \
	LOW6(V24.B16, V28.B16, $4, V26.B16);  \
	LOW6(V25.B16, V29.B16, $4, V27.B16);  \
	HIGH6(V24.B16, V28.B16);              \
	HIGH6(V25.B16, V29.B16)

#define UNPACK6B(reg) \
	FLDPQ 32(reg), (F24, F25);            \
	LOW6(V24.B16, V28.B16, $2, V26.B16);  \
	LOW6(V25.B16, V29.B16, $2, V27.B16);  \
	VUSHR $2, V28.B16, V28.B16;           \
	VUSHR $2, V29.B16, V29.B16;           \
	HIGH6(V24.B16, V28.B16);              \
	HIGH6(V25.B16, V29.B16)

// What is added of 64 codes to the accumulators of a row, p0, p1, s0 and s1.
#define L2DOT(q0, q1, q2, q3, p0, p1, s0, s1) \
	UDOT(26, q0, p0); \
	UDOT(27, q1, p1); \
	UDOT(24, q2, p0); \
	UDOT(25, q3, p1); \
	UDOT(26, 26, s0); \
	UDOT(27, 27, s1); \
	UDOT(24, 24, s0); \
	UDOT(25, 25, s1)

#define IPDOT(q0, q1, q2, q3, p0, p1, s0, s1) \
	SDOT(26, q0, p0); \
	SDOT(27, q1, p1); \
	SDOT(24, q2, s0); \
	SDOT(25, q3, s1)

#define L2WORDS(q0, q1, q2, q3, p0, p1, s0, s1) \
	UMULL(26, q0, 1);    \
	UMULL2(26, q0, 3);   \
	UMULL(26, 26, 5);    \
	UMLALB(27, q1, 1);   \
	UMLALB2(27, q1, 3);  \
	UMLALB2(26, 26, 5);  \
	UMLALB(24, q2, 1);   \
	UMLALB2(24, q2, 3);  \
	UMLALB(27, 27, 5);   \
	UMLALB(25, q3, 1);   \
	UMLALB2(25, q3, 3);  \
	UMLALB2(27, 27, 5);  \
	UADALP(1, p0);       \
	UADALP(3, p0);       \
	UMLALB(24, 24, 5);   \
	UMLALB2(24, 24, 5);  \
	UMLALB(25, 25, 5);   \
	UMLALB2(25, 25, 5);  \
	UADALP(5, s0)

#define IPWORDS(q0, q1, q2, q3, p0, p1, s0, s1) \
	SMULL(26, q0, 1);    \
	SMULL2(26, q0, 3);   \
	SMLALB(27, q1, 1);   \
	SMLALB2(27, q1, 3);  \
	SMLALB(24, q2, 1);   \
	SMLALB2(24, q2, 3);  \
	SMLALB(25, q3, 1);   \
	SMLALB2(25, q3, 3);  \
	SADALP(1, p0);       \
	SADALP(3, p0)

// ROW4 and ROW6 add a block of a row.
#define ROW4(OP, reg, p0, p1, s0, s1) \
	UNPACK4(reg, 0);                     \
	OP(16, 17, 20, 21, p0, p1, s0, s1); \
	UNPACK4(reg, 32);                    \
	OP(18, 19, 22, 23, p0, p1, s0, s1); \
	ADD $64, reg, reg

#define ROW6(OP, reg, p0, p1, s0, s1) \
	UNPACK6A(reg);                      \
	OP(16, 17, 20, 21, p0, p1, s0, s1); \
	UNPACK6B(reg);                      \
	OP(18, 19, 22, 23, p0, p1, s0, s1); \
	ADD $96, reg, reg

// BODY computes the accumulators of four rows, of blocks of so many bytes.
#define BODY(ROW, bytes, OP) \
	ZERO;                        \
	MOVD R2, R12;                \
block:                               \
	VLD1.P 64(R7), [V16.B16, V17.B16, V18.B16, V19.B16]; \
	VLD1.P 64(R7), [V20.B16, V21.B16, V22.B16, V23.B16]; \
	ROW(OP, R8, 0, 1, 2, 3);     \
	ROW(OP, R9, 4, 5, 6, 7);     \
	ROW(OP, R10, 8, 9, 10, 11);  \
	ROW(OP, R11, 12, 13, 14, 15); \
	SUBS $bytes, R12, R12;       \
	BNE  block

// SQUARES adds up the first accumulator of squares of each row into V2.
#define SQUARES \
	VADDP V6.S4, V2.S4, V2.S4;    \
	VADDP V14.S4, V10.S4, V10.S4; \
	VADDP V10.S4, V2.S4, V2.S4

// CONSTANT sets lanes to the argument at, by R12.
#define CONSTANT(at, lanes) \
	MOVWU at, R12; \
	VDUP  R12, lanes

// IPRESULT makes distances of the sums in V0, L2RESULT of the first accumulators.
#define L2RESULT \
	FIRSTSUMS;                     \
	SQUARES;                       \
	CONSTANT(base+56(FP), V16.S4); \
	CONSTANT(a+60(FP), V17.S4);    \
	CONSTANT(b+64(FP), V18.S4);    \
	MLA(0, 17, 16);                \
	MLA(2, 18, 16);                \
	VMOV V16.B16, V0.B16

#define IPRESULT \
	CONSTANT(base+56(FP), V16.S4); \
	CONSTANT(a+60(FP), V17.S4);    \
	MLA(0, 17, 16);                \
	VMOV V16.B16, V0.B16

// PACKEDARGS loads the arguments and sets V30 and V31.
#define PACKEDARGS \
	ARGS(stride);         \
	VMOVI $0x0f, V30.B16; \
	VMOVI $0x30, V31.B16

// func l2Packed4NEON(q, rows *byte, stride int, ids *uint32, n int, out *uint32, warm int, base, a, b uint32)
TEXT ·l2Packed4NEON(SB), NOSPLIT, $0-68
	PACKEDARGS
	GROUPS(BODY(ROW4, 64, L2WORDS); L2RESULT)

// func l2Packed4Dot(q, rows *byte, stride int, ids *uint32, n int, out *uint32, warm int, base, a, b uint32)
TEXT ·l2Packed4Dot(SB), NOSPLIT, $0-68
	PACKEDARGS
	GROUPS(BODY(ROW4, 64, L2DOT); PAIRSUMS; L2RESULT)

// func l2Packed6NEON(q, rows *byte, stride int, ids *uint32, n int, out *uint32, warm int, base, a, b uint32)
TEXT ·l2Packed6NEON(SB), NOSPLIT, $0-68
	PACKEDARGS
	GROUPS(BODY(ROW6, 96, L2WORDS); L2RESULT)

// func l2Packed6Dot(q, rows *byte, stride int, ids *uint32, n int, out *uint32, warm int, base, a, b uint32)
TEXT ·l2Packed6Dot(SB), NOSPLIT, $0-68
	PACKEDARGS
	GROUPS(BODY(ROW6, 96, L2DOT); PAIRSUMS; L2RESULT)

// func ipPacked4NEON(q, rows *byte, stride int, ids *uint32, n int, out *uint32, warm int, base, a, b uint32)
TEXT ·ipPacked4NEON(SB), NOSPLIT, $0-68
	PACKEDARGS
	GROUPS(BODY(ROW4, 64, IPWORDS); FIRSTSUMS; IPRESULT)

// func ipPacked4Dot(q, rows *byte, stride int, ids *uint32, n int, out *uint32, warm int, base, a, b uint32)
TEXT ·ipPacked4Dot(SB), NOSPLIT, $0-68
	PACKEDARGS
	GROUPS(BODY(ROW4, 64, IPDOT); INTSUMS; IPRESULT)

// func ipPacked6NEON(q, rows *byte, stride int, ids *uint32, n int, out *uint32, warm int, base, a, b uint32)
TEXT ·ipPacked6NEON(SB), NOSPLIT, $0-68
	PACKEDARGS
	GROUPS(BODY(ROW6, 96, IPWORDS); FIRSTSUMS; IPRESULT)

// func ipPacked6Dot(q, rows *byte, stride int, ids *uint32, n int, out *uint32, warm int, base, a, b uint32)
TEXT ·ipPacked6Dot(SB), NOSPLIT, $0-68
	PACKEDARGS
	GROUPS(BODY(ROW6, 96, IPDOT); INTSUMS; IPRESULT)
