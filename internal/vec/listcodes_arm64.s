//go:build arm64 && !purego && !race

#include "textflag.h"
#include "neon_arm64.h"

// func ipBytesAsm(q *int16, rows *byte, dim, n int, out *int32)
TEXT ·ipBytesAsm(SB), NOSPLIT, $0-40
	MOVD q+0(FP), R0
	MOVD rows+8(FP), R1
	MOVD dim+16(FP), R2
	MOVD n+24(FP), R3
	MOVD out+32(FP), R4
row:
	VEOR V0.B16, V0.B16, V0.B16
	VEOR V1.B16, V1.B16, V1.B16
	VEOR V2.B16, V2.B16, V2.B16
	VEOR V3.B16, V3.B16, V3.B16
	MOVD R0, R5
	MOVD R2, R6
sixteen:
	VLD1.P 32(R5), [V4.H8, V5.H8]
	VLD1.P 16(R1), [V6.B16]
	VUXTL  V6.B8, V7.H8
	VUXTL2 V6.B16, V6.H8
	SMLAL(7, 4, 0)
	SMLAL2(7, 4, 1)
	SMLAL(6, 5, 2)
	SMLAL2(6, 5, 3)
	SUBS   $16, R6, R6
	BNE    sixteen
	VADD   V1.S4, V0.S4, V0.S4
	VADD   V3.S4, V2.S4, V2.S4
	VADD   V2.S4, V0.S4, V0.S4
	VADDV  V0.S4, V0
	FMOVS.P F0, 4(R4)
	SUBS   $1, R3, R3
	BNE    row
	RET

// func nibblesAsm(tables *byte, pairs int, blocks *byte, n int, out *uint16)
//
// V0-V3 add up the first tables' elements of eight rows each, V4-V7 the second
// ones'.
TEXT ·nibblesAsm(SB), NOSPLIT, $0-40
	MOVD  tables+0(FP), R0
	MOVD  pairs+8(FP), R1
	MOVD  blocks+16(FP), R2
	MOVD  n+24(FP), R3
	MOVD  out+32(FP), R4
	VMOVI $0x0f, V16.B16
block:
	VEOR V0.B16, V0.B16, V0.B16
	VEOR V1.B16, V1.B16, V1.B16
	VEOR V2.B16, V2.B16, V2.B16
	VEOR V3.B16, V3.B16, V3.B16
	VEOR V4.B16, V4.B16, V4.B16
	VEOR V5.B16, V5.B16, V5.B16
	VEOR V6.B16, V6.B16, V6.B16
	VEOR V7.B16, V7.B16, V7.B16
	MOVD R0, R5
	MOVD R1, R6
pair:
	VLD1.P  32(R5), [V17.B16, V18.B16]
	VLD1.P  32(R2), [V20.B16, V21.B16]
	VUSHR   $4, V20.B16, V22.B16
	VUSHR   $4, V21.B16, V23.B16
	VAND    V16.B16, V20.B16, V20.B16
	VAND    V16.B16, V21.B16, V21.B16
	VTBL    V20.B16, [V17.B16], V20.B16
	VTBL    V21.B16, [V17.B16], V21.B16
	VTBL    V22.B16, [V18.B16], V22.B16
	VTBL    V23.B16, [V18.B16], V23.B16
	VUADDW  V20.B8, V0.H8, V0.H8
	VUADDW2 V20.B16, V1.H8, V1.H8
	VUADDW  V21.B8, V2.H8, V2.H8
	VUADDW2 V21.B16, V3.H8, V3.H8
	VUADDW  V22.B8, V4.H8, V4.H8
	VUADDW2 V22.B16, V5.H8, V5.H8
	VUADDW  V23.B8, V6.H8, V6.H8
	VUADDW2 V23.B16, V7.H8, V7.H8
	SUBS    $1, R6, R6
	BNE     pair
	VADD    V4.H8, V0.H8, V0.H8
	VADD    V5.H8, V1.H8, V1.H8
	VADD    V6.H8, V2.H8, V2.H8
	VADD    V7.H8, V3.H8, V3.H8
	VST1.P  [V0.H8, V1.H8, V2.H8, V3.H8], 64(R4)
	SUBS    $1, R3, R3
	BNE     block
	RET
