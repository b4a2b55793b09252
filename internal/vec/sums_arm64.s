//go:build arm64 && !purego && !race

#include "textflag.h"
#include "neon_arm64.h"

// Sums of sparse vectors.

// func addDenseNEON(sums *uint16, codes *byte, n int, factor uint16)
//
// With factor = 256*high + low, code*factor>>8 is code*high + code*low>>8, whose
// products of bytes fit in words: 32 codes a turn, 23 instructions.
TEXT ·addDenseNEON(SB), NOSPLIT, $0-26
	MOVD  sums+0(FP), R0
	MOVD  codes+8(FP), R1
	MOVD  n+16(FP), R2
	MOVHU factor+24(FP), R3
	VDUP  R3, V24.B16        // low
	LSR   $8, R3, R3
	VDUP  R3, V25.B16        // high
	VMOVI $1, V26.B16
dense:
	VLD1.P  32(R1), [V0.B16, V1.B16]
	VLD1    (R0), [V16.H8, V17.H8, V18.H8, V19.H8]
	UMULL(24, 0, 20)
	UMULL2(24, 0, 21)
	UMULL(24, 1, 22)
	UMULL2(24, 1, 23)
	UMLALB(25, 0, 16)
	UMLALB2(25, 0, 17)
	UMLALB(25, 1, 18)
	UMLALB2(25, 1, 19)
	VUMIN   V26.B16, V0.B16, V0.B16 // 1 for a code
	VUMIN   V26.B16, V1.B16, V1.B16
	VUSRA   $8, V20.H8, V16.H8
	VUSRA   $8, V21.H8, V17.H8
	VUSRA   $8, V22.H8, V18.H8
	VUSRA   $8, V23.H8, V19.H8
	VUADDW  V0.B8, V16.H8, V16.H8
	VUADDW2 V0.B16, V17.H8, V17.H8
	VUADDW  V1.B8, V18.H8, V18.H8
	VUADDW2 V1.B16, V19.H8, V19.H8
	VST1.P  [V16.H8, V17.H8, V18.H8, V19.H8], 64(R0)
	SUBS    $32, R2, R2
	BNE     dense
	RET

// MASK sets R6 to four bits for each of 16 lanes of v that are all ones, of which
// only the highest is kept, R9 says.
#define MASK(v, low) \
	SHRN4(v, v);      \
	VMOV low, R6;     \
	AND  R9, R6, R6

// LANE sets R7 to the number of the lowest lane in R6, which is taken out, and that
// of the first, in R5.
#define LANE \
	RBIT R6, R7;         \
	SUB  $1, R6, R8;     \
	CLZ  R7, R7;         \
	AND  R8, R6, R6;     \
	ADD  R7>>2, R5, R7

// TAKE writes the places and values of those of 16 sums that the mask in v has.
#define TAKE(v, low, one, none) \
	MASK(v, low);          \
	CBZ    R6, none;       \
one:                           \
	LANE;                  \
	MOVH.P R7, 2(R3);      \
	ADD    R7<<1, R0, R7;  \
	MOVHU  (R7), R7;       \
	MOVH.P R7, 2(R4);      \
	CBNZ   R6, one;        \
none:                          \
	ADD    $16, R5, R5

// func takeSumsNEON(sums *uint16, n int, least uint16, places, values *uint16) int
//
// 32 sums a turn, of which first only the largest is looked at.
//
//	R0 the first sum      R5 number of the first of the turn
//	R10 the present one   R3, R4 where places and values go
TEXT ·takeSumsNEON(SB), NOSPLIT, $0-48
	MOVD  sums+0(FP), R0
	MOVD  n+8(FP), R1
	MOVHU least+16(FP), R2
	MOVD  places+24(FP), R3
	MOVD  values+32(FP), R4
	MOVD  R0, R10
	MOVD  R3, R11
	MOVD  $0x8888888888888888, R9
	MOVD  $0, R5
	VDUP  R2, V28.H8
	VEOR  V24.B16, V24.B16, V24.B16
	VEOR  V25.B16, V25.B16, V25.B16
	VEOR  V26.B16, V26.B16, V26.B16
	VEOR  V27.B16, V27.B16, V27.B16
sums:
	VLD1   (R10), [V0.H8, V1.H8, V2.H8, V3.H8]
	VUMAX  V1.H8, V0.H8, V4.H8
	VUMAX  V3.H8, V2.H8, V5.H8
	VUMAX  V5.H8, V4.H8, V4.H8
	UMAXV8(4, 4)
	VMOV   V4.H[0], R6
	CMP    R2, R6
	BLO    none
	CMHS8(28, 0, 0)
	CMHS8(28, 1, 1)
	CMHS8(28, 2, 2)
	CMHS8(28, 3, 3)
	VUZP1  V1.B16, V0.B16, V0.B16
	VUZP1  V3.B16, V2.B16, V2.B16
	TAKE(0, V0.D[0], one0, none0)
	TAKE(2, V2.D[0], one2, none2)
	B      clear
none:
	ADD    $32, R5, R5
clear:
	VST1.P [V24.H8, V25.H8, V26.H8, V27.H8], 64(R10)
	CMP    R1, R5
	BLT    sums
	SUB    R11, R3, R3
	LSR    $1, R3, R3
	MOVD   R3, ret+40(FP)
	RET

// FROM writes the places of those of 16 codes that the mask in v has.
#define FROM(v, low, one, none) \
	MASK(v, low);          \
	CBZ    R6, none;       \
one:                           \
	LANE;                  \
	MOVH.P R7, 2(R3);      \
	CBNZ   R6, one;        \
none:                          \
	ADD    $16, R5, R5

// func codesFromNEON(codes *byte, n int, least byte, out *uint16) int
//
// 64 codes a turn, of which first only the largest is looked at.
TEXT ·codesFromNEON(SB), NOSPLIT, $0-40
	MOVD  codes+0(FP), R0
	MOVD  n+8(FP), R1
	MOVBU least+16(FP), R2
	MOVD  out+24(FP), R3
	MOVD  R3, R11
	MOVD  $0x8888888888888888, R9
	MOVD  $0, R5
	VDUP  R2, V28.B16
codes:
	VLD1.P 64(R0), [V0.B16, V1.B16, V2.B16, V3.B16]
	VUMAX  V1.B16, V0.B16, V4.B16
	VUMAX  V3.B16, V2.B16, V5.B16
	VUMAX  V5.B16, V4.B16, V4.B16
	UMAXV16(4, 4)
	VMOV   V4.B[0], R6
	CMP    R2, R6
	BLO    none
	CMHS16(28, 0, 0)
	CMHS16(28, 1, 1)
	CMHS16(28, 2, 2)
	CMHS16(28, 3, 3)
	FROM(0, V0.D[0], one0, none0)
	FROM(1, V1.D[0], one1, none1)
	FROM(2, V2.D[0], one2, none2)
	FROM(3, V3.D[0], one3, none3)
	B      next
none:
	ADD    $64, R5, R5
next:
	CMP    R1, R5
	BLT    codes
	SUB    R11, R3, R3
	LSR    $1, R3, R3
	MOVD   R3, ret+32(FP)
	RET
