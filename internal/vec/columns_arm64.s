//go:build arm64 && !purego && !race

#include "textflag.h"
#include "neon_arm64.h"
#include "rows_arm64.h"

// numbers are those of the first 16 lanes.
DATA numbers<>+0(SB)/8, $0x0000000100000000
DATA numbers<>+8(SB)/8, $0x0000000300000002
DATA numbers<>+16(SB)/8, $0x0000000500000004
DATA numbers<>+24(SB)/8, $0x0000000700000006
DATA numbers<>+32(SB)/8, $0x0000000900000008
DATA numbers<>+40(SB)/8, $0x0000000b0000000a
DATA numbers<>+48(SB)/8, $0x0000000d0000000c
DATA numbers<>+56(SB)/8, $0x0000000f0000000e
GLOBL numbers<>(SB), RODATA|NOPTR, $64

// Both go through the vectors in steps of 16, four registers: R0 p, R1 its
// length, R2 cols at the step, R3 bytes from element to element, R4 vectors to
// go, V16-V19 the sums.

// ELEMENTS computes the sums by OP(element of p, those of the vectors, sum).
#define ELEMENTS(OP) \
	VEOR V16.B16, V16.B16, V16.B16;              \
	VEOR V17.B16, V17.B16, V17.B16;              \
	VEOR V18.B16, V18.B16, V18.B16;              \
	VEOR V19.B16, V19.B16, V19.B16;              \
	MOVD R0, R5;                                 \
	MOVD R1, R6;                                 \
	MOVD R2, R7;                                 \
element:                                             \
	VLD1R.P 4(R5), [V24.S4];                     \
	VLD1 (R7), [V20.S4, V21.S4, V22.S4, V23.S4]; \
	OP(24, 20, 16);                              \
	OP(24, 21, 17);                              \
	OP(24, 22, 18);                              \
	OP(24, 23, 19);                              \
	ADD  R3, R7, R7;                             \
	SUBS $1, R6, R6;                             \
	BNE  element

// NEARER puts the sums and the numbers of their vectors where the sums are less.
#define NEARER(sum, least, mask, SUM, LEAST, MASK, NUMBER, NEAREST) \
	FCMGT(sum, least, mask); \
	VBIT MASK, SUM, LEAST;   \
	VBIT MASK, NUMBER, NEAREST

// func nearestWhole(p *float32, dim int, cols *float32, n, whole int, least *[16]float32, number *[16]uint32)
//
// V0-V3 the least sums, V4-V7 the vectors that have them, V8-V11 those of the
// step, V12 four times 16.
TEXT ·nearestWhole(SB), NOSPLIT, $0-56
	MOVD p+0(FP), R0
	MOVD dim+8(FP), R1
	MOVD cols+16(FP), R2
	MOVD n+24(FP), R3
	MOVD whole+32(FP), R4
	LSL  $2, R3, R3
	MOVD $0x7f800000, R5 // +Inf
	VDUP R5, V0.S4
	VDUP R5, V1.S4
	VDUP R5, V2.S4
	VDUP R5, V3.S4
	VEOR V4.B16, V4.B16, V4.B16
	VEOR V5.B16, V5.B16, V5.B16
	VEOR V6.B16, V6.B16, V6.B16
	VEOR V7.B16, V7.B16, V7.B16
	MOVD $numbers<>(SB), R5
	VLD1 (R5), [V8.S4, V9.S4, V10.S4, V11.S4]
	MOVD $16, R5
	VDUP R5, V12.S4
step:
	ELEMENTS(L2)
	NEARER(16, 0, 20, V16.B16, V0.B16, V20.B16, V8.B16, V4.B16)
	NEARER(17, 1, 21, V17.B16, V1.B16, V21.B16, V9.B16, V5.B16)
	NEARER(18, 2, 22, V18.B16, V2.B16, V22.B16, V10.B16, V6.B16)
	NEARER(19, 3, 23, V19.B16, V3.B16, V23.B16, V11.B16, V7.B16)
	VADD V12.S4, V8.S4, V8.S4
	VADD V12.S4, V9.S4, V9.S4
	VADD V12.S4, V10.S4, V10.S4
	VADD V12.S4, V11.S4, V11.S4
	ADD  $64, R2, R2
	SUBS $16, R4, R4
	BNE  step
	MOVD least+40(FP), R5
	VST1 [V0.S4, V1.S4, V2.S4, V3.S4], (R5)
	MOVD number+48(FP), R5
	VST1 [V4.S4, V5.S4, V6.S4, V7.S4], (R5)
	RET

// func ipColumnsWhole(p *float32, dim int, cols *float32, n, whole int, out *float32)
TEXT ·ipColumnsWhole(SB), NOSPLIT, $0-48
	MOVD p+0(FP), R0
	MOVD dim+8(FP), R1
	MOVD cols+16(FP), R2
	MOVD n+24(FP), R3
	MOVD whole+32(FP), R4
	MOVD out+40(FP), R8
	LSL  $2, R3, R3
step:
	ELEMENTS(IP)
	VST1.P [V16.S4, V17.S4, V18.S4, V19.S4], 64(R8)
	ADD  $64, R2, R2
	SUBS $16, R4, R4
	BNE  step
	RET
