//go:build arm64 && !purego && !race

#include "textflag.h"
#include "neon_arm64.h"
#include "rows_arm64.h"

// Bits set in what an operation makes of a query and each row, counted exactly and
// stored as float32. CNT counts those of a byte; bytes are added up before they are
// made words, and words numbers of 32 bits. UDOT with ones in place of the latter
// two would save one instruction of 13 for 64 bytes, and wants FEAT_DotProd: it is
// not used.

// COUNT adds the bits of 16 bytes of a row to its sum, COUNT64 those of 64: no byte
// reaches 33 before it becomes a word.
#define COUNT(OP, q, row, sum) \
	OP(q, row, row);  \
	CNT16(row, row);  \
	UADDLP(row, row); \
	UADALP(row, sum)

#define COUNT64(OP, reg, sum) \
	VLD1.P 64(reg), [V20.B16, V21.B16, V22.B16, V23.B16]; \
	OP(16, 20, 20);    \
	OP(17, 21, 21);    \
	OP(18, 22, 22);    \
	OP(19, 23, 23);    \
	CNT16(20, 20);     \
	CNT16(21, 21);     \
	CNT16(22, 22);     \
	CNT16(23, 23);     \
	ADD16(21, 20, 20); \
	ADD16(23, 22, 22); \
	ADD16(22, 20, 20); \
	UADDLP(20, 20);    \
	UADALP(20, sum)

#define COUNTXOR(q, row, sum)  COUNT(EOR16, q, row, sum)
#define COUNTAND(q, row, sum)  COUNT(AND16, q, row, sum)
#define COUNTLESS(q, row, sum) COUNT(BIC16, q, row, sum)

// BODY counts for four rows of R2 bytes, 64 a turn.
#define BODY(OP, TAIL) \
	VEOR V0.B16, V0.B16, V0.B16;    \
	VEOR V4.B16, V4.B16, V4.B16;    \
	VEOR V8.B16, V8.B16, V8.B16;    \
	VEOR V12.B16, V12.B16, V12.B16; \
	LSR  $6, R2, R12;               \
	CBZ  R12, tail;                 \
loop:                                   \
	VLD1.P 64(R7), [V16.B16, V17.B16, V18.B16, V19.B16]; \
	COUNT64(OP, R8, 0);             \
	COUNT64(OP, R9, 4);             \
	COUNT64(OP, R10, 8);            \
	COUNT64(OP, R11, 12);           \
	SUBS $1, R12, R12;              \
	BNE  loop;                      \
tail:                                   \
	BYTETAIL(TAIL)                  \
	FIRSTSUMS;                      \
	UCVTF(0, 0)

// SHORT counts for 16 adjacent rows of 16 bytes, of which the query is in V16:
// neighbouring bytes are added four times, until a row has one, of at most 128. It
// is 64 instructions, four a row.
#define SHORT4(OP, a, b, c, d) \
	OP(16, a, a); \
	OP(16, b, b); \
	OP(16, c, c); \
	OP(16, d, d); \
	CNT16(a, a);  \
	CNT16(b, b);  \
	CNT16(c, c);  \
	CNT16(d, d);  \
	ADDP16(b, a, a); \
	ADDP16(d, c, c); \
	ADDP16(c, a, a)

#define SHORT(OP) \
	VLD1.P 64(R1), [V0.B16, V1.B16, V2.B16, V3.B16];     \
	VLD1.P 64(R1), [V4.B16, V5.B16, V6.B16, V7.B16];     \
	VLD1.P 64(R1), [V8.B16, V9.B16, V10.B16, V11.B16];   \
	VLD1.P 64(R1), [V12.B16, V13.B16, V14.B16, V15.B16]; \
	SHORT4(OP, 0, 1, 2, 3);     \
	SHORT4(OP, 4, 5, 6, 7);     \
	SHORT4(OP, 8, 9, 10, 11);   \
	SHORT4(OP, 12, 13, 14, 15); \
	ADDP16(4, 0, 0);            \
	ADDP16(12, 8, 8);           \
	ADDP16(8, 0, 0);            \
	VUXTL  V0.B8, V2.H8;        \
	VUXTL2 V0.B16, V6.H8;       \
	VUXTL  V2.H4, V1.S4;        \
	VUXTL2 V2.H8, V2.S4;        \
	VUXTL  V6.H4, V3.S4;        \
	VUXTL2 V6.H8, V4.S4;        \
	UCVTF(1, 1);                \
	UCVTF(2, 2);                \
	UCVTF(3, 3);                \
	UCVTF(4, 4);                \
	VST1.P [V1.S4, V2.S4, V3.S4, V4.S4], 64(R3); \
	SUBS $16, R2, R2

// SHORTARGS loads the arguments of rows of 16 bytes.
#define SHORTARGS \
	MOVD q+0(FP), R0;    \
	MOVD rows+8(FP), R1; \
	MOVD n+16(FP), R2;   \
	MOVD out+24(FP), R3; \
	VLD1 (R0), [V16.B16]

// func xorBitsNEON(q, rows *byte, stride int, ids *uint32, n int, out *float32, warm int)
TEXT ·xorBitsNEON(SB), NOSPLIT, $0-56
	ARGS(stride)
	GROUPS(BODY(EOR16, COUNTXOR))

// func andBitsNEON(q, rows *byte, stride int, ids *uint32, n int, out *float32, warm int)
TEXT ·andBitsNEON(SB), NOSPLIT, $0-56
	ARGS(stride)
	GROUPS(BODY(AND16, COUNTAND))

// func lessBitsNEON(q, rows *byte, stride int, ids *uint32, n int, out *float32, warm int)
TEXT ·lessBitsNEON(SB), NOSPLIT, $0-56
	ARGS(stride)
	GROUPS(BODY(BIC16, COUNTLESS))

// func xorBits16NEON(q, rows *byte, n int, out *float32)
TEXT ·xorBits16NEON(SB), NOSPLIT, $0-32
	SHORTARGS
rows16:
	SHORT(EOR16)
	BNE rows16
	RET

// func andBits16NEON(q, rows *byte, n int, out *float32)
TEXT ·andBits16NEON(SB), NOSPLIT, $0-32
	SHORTARGS
rows16:
	SHORT(AND16)
	BNE rows16
	RET

// func lessBits16NEON(q, rows *byte, n int, out *float32)
TEXT ·lessBits16NEON(SB), NOSPLIT, $0-32
	SHORTARGS
rows16:
	SHORT(BIC16)
	BNE rows16
	RET

// func matchNEON(out *float32, n int, want float32)
//
// Counts are whole numbers and not -0: the same bits are the same count.
TEXT ·matchNEON(SB), NOSPLIT, $0-20
	MOVD  out+0(FP), R0
	MOVD  n+8(FP), R1
	MOVWU want+16(FP), R2
	VDUP  R2, V16.S4
	MOVD  $0x7f800000, R2 // +Inf
	VDUP  R2, V17.S4
counted:
	VLD1   (R0), [V0.S4, V1.S4, V2.S4, V3.S4]
	VCMEQ  V16.S4, V0.S4, V0.S4
	VCMEQ  V16.S4, V1.S4, V1.S4
	VCMEQ  V16.S4, V2.S4, V2.S4
	VCMEQ  V16.S4, V3.S4, V3.S4
	BIC16(0, 17, 0)
	BIC16(1, 17, 1)
	BIC16(2, 17, 2)
	BIC16(3, 17, 3)
	VST1.P [V0.S4, V1.S4, V2.S4, V3.S4], 64(R0)
	SUBS   $16, R1, R1
	BNE    counted
	RET
