//go:build amd64 && !purego && !race

#include "textflag.h"
#include "rows_amd64.h"

// Distances of float32. Tails of a row are read by masked loads, which touch
// nothing outside the mask.

// BODY512 computes the sums of four rows by OP with 512-bit registers.
#define BODY512(OP) \
	VPXORQ Z0, Z0, Z0; \
	VPXORQ Z1, Z1, Z1; \
	VPXORQ Z2, Z2, Z2; \
	VPXORQ Z3, Z3, Z3; \
	VPXORQ Z4, Z4, Z4; \
	VPXORQ Z5, Z5, Z5; \
	VPXORQ Z6, Z6, Z6; \
	VPXORQ Z7, Z7, Z7; \
two: \
	LEAQ 128(AX), R15; \
	CMPQ R15, DX; \
	JGT  one; \
	VMOVUPS (SI)(AX*1), Z8; \
	VMOVUPS 64(SI)(AX*1), Z9; \
	OP((R8)(AX*1), Z8, Z10, Z0); \
	OP((R9)(AX*1), Z8, Z11, Z1); \
	OP((R10)(AX*1), Z8, Z12, Z2); \
	OP((R11)(AX*1), Z8, Z13, Z3); \
	OP(64(R8)(AX*1), Z9, Z14, Z4); \
	OP(64(R9)(AX*1), Z9, Z15, Z5); \
	OP(64(R10)(AX*1), Z9, Z16, Z6); \
	OP(64(R11)(AX*1), Z9, Z17, Z7); \
	MOVQ R15, AX; \
	JMP  two; \
one: \
	CMPQ AX, DX; \
	JGE  tail; \
	VMOVUPS (SI)(AX*1), Z8; \
	OP((R8)(AX*1), Z8, Z10, Z0); \
	OP((R9)(AX*1), Z8, Z11, Z1); \
	OP((R10)(AX*1), Z8, Z12, Z2); \
	OP((R11)(AX*1), Z8, Z13, Z3); \
	ADDQ $64, AX; \
tail: \
	CMPQ AX, R12; \
	JGE  sum; \
	VMOVUPS.Z (SI)(AX*1), K1, Z8; \
	VMOVUPS.Z (R8)(AX*1), K1, Z10; \
	VMOVUPS.Z (R9)(AX*1), K1, Z11; \
	VMOVUPS.Z (R10)(AX*1), K1, Z12; \
	VMOVUPS.Z (R11)(AX*1), K1, Z13; \
	OP(Z10, Z8, Z14, Z4); \
	OP(Z11, Z8, Z15, Z5); \
	OP(Z12, Z8, Z16, Z6); \
	OP(Z13, Z8, Z17, Z7); \
sum: \
	VADDPS Z4, Z0, Z0; \
	VADDPS Z5, Z1, Z1; \
	VADDPS Z6, Z2, Z2; \
	VADDPS Z7, Z3, Z3; \
	SUM512

// MASK512 sets K1 to the lanes of the last, partial register, of DX floats.
#define MASK512 \
	MOVQ  DX, CX; \
	ANDQ  $15, CX; \
	MOVL  $1, AX; \
	SHLL  CX, AX; \
	DECL  AX; \
	KMOVW AX, K1; \
	LEAQ  (DX*4), R12; \
	ANDQ  $~15, DX; \
	SHLQ  $2, DX

// func l2AVX512(q, rows *float32, dim int, ids *uint32, n int, out *float32, warm int)
TEXT ·l2AVX512(SB), NOSPLIT, $0-56
	MOVQ q+0(FP), SI
	MOVQ rows+8(FP), DI
	MOVQ dim+16(FP), DX
	MASK512
	MOVQ ids+24(FP), BX
	MOVQ n+32(FP), CX
	MOVQ out+40(FP), R13
group:
	GROUP(warm+48(FP))
	BODY512(L2)
	STORE(group)

// func ipAVX512(q, rows *float32, dim int, ids *uint32, n int, out *float32, warm int)
TEXT ·ipAVX512(SB), NOSPLIT, $0-56
	MOVQ q+0(FP), SI
	MOVQ rows+8(FP), DI
	MOVQ dim+16(FP), DX
	MASK512
	MOVQ ids+24(FP), BX
	MOVQ n+32(FP), CX
	MOVQ out+40(FP), R13
group:
	GROUP(warm+48(FP))
	BODY512(IP)
	STORE(group)

// BODY256 computes the sums of four rows by OP with 256-bit registers.
#define BODY256(OP) \
	VXORPS Y0, Y0, Y0; \
	VXORPS Y1, Y1, Y1; \
	VXORPS Y2, Y2, Y2; \
	VXORPS Y3, Y3, Y3; \
	VXORPS Y4, Y4, Y4; \
	VXORPS Y5, Y5, Y5; \
	VXORPS Y6, Y6, Y6; \
	VXORPS Y7, Y7, Y7; \
two: \
	LEAQ 64(AX), R15; \
	CMPQ R15, DX; \
	JGT  one; \
	VMOVUPS (SI)(AX*1), Y8; \
	VMOVUPS 32(SI)(AX*1), Y9; \
	OP((R8)(AX*1), Y8, Y10, Y0); \
	OP((R9)(AX*1), Y8, Y11, Y1); \
	OP((R10)(AX*1), Y8, Y12, Y2); \
	OP((R11)(AX*1), Y8, Y13, Y3); \
	OP(32(R8)(AX*1), Y9, Y10, Y4); \
	OP(32(R9)(AX*1), Y9, Y11, Y5); \
	OP(32(R10)(AX*1), Y9, Y12, Y6); \
	OP(32(R11)(AX*1), Y9, Y13, Y7); \
	MOVQ R15, AX; \
	JMP  two; \
one: \
	CMPQ AX, DX; \
	JGE  tail; \
	VMOVUPS (SI)(AX*1), Y8; \
	OP((R8)(AX*1), Y8, Y10, Y0); \
	OP((R9)(AX*1), Y8, Y11, Y1); \
	OP((R10)(AX*1), Y8, Y12, Y2); \
	OP((R11)(AX*1), Y8, Y13, Y3); \
	ADDQ $32, AX; \
tail: \
	CMPQ AX, R12; \
	JGE  sum; \
	VMASKMOVPS (SI)(AX*1), Y15, Y8; \
	VMASKMOVPS (R8)(AX*1), Y15, Y9; \
	OP(Y9, Y8, Y10, Y4); \
	VMASKMOVPS (R9)(AX*1), Y15, Y9; \
	OP(Y9, Y8, Y11, Y5); \
	VMASKMOVPS (R10)(AX*1), Y15, Y9; \
	OP(Y9, Y8, Y12, Y6); \
	VMASKMOVPS (R11)(AX*1), Y15, Y9; \
	OP(Y9, Y8, Y13, Y7); \
sum: \
	VADDPS Y4, Y0, Y0; \
	VADDPS Y5, Y1, Y1; \
	VADDPS Y6, Y2, Y2; \
	VADDPS Y7, Y3, Y3; \
	SUM4

// lanes is a mask of eight lanes when read at its start, of none at its
// middle, and of 8-i when read i lanes after its start.
DATA lanes<>+0(SB)/8, $-1
DATA lanes<>+8(SB)/8, $-1
DATA lanes<>+16(SB)/8, $-1
DATA lanes<>+24(SB)/8, $-1
DATA lanes<>+32(SB)/8, $0
DATA lanes<>+40(SB)/8, $0
DATA lanes<>+48(SB)/8, $0
DATA lanes<>+56(SB)/8, $0
GLOBL lanes<>(SB), RODATA|NOPTR, $64

// MASK256 sets Y15 to the lanes of the last, partial register, of DX floats.
#define MASK256 \
	MOVQ    DX, CX; \
	ANDQ    $7, CX; \
	NEGQ    CX; \
	LEAQ    lanes<>+32(SB), AX; \
	VMOVUPS (AX)(CX*4), Y15; \
	LEAQ    (DX*4), R12; \
	ANDQ    $~7, DX; \
	SHLQ    $2, DX

// func l2AVX2(q, rows *float32, dim int, ids *uint32, n int, out *float32, warm int)
TEXT ·l2AVX2(SB), NOSPLIT, $0-56
	MOVQ q+0(FP), SI
	MOVQ rows+8(FP), DI
	MOVQ dim+16(FP), DX
	MASK256
	MOVQ ids+24(FP), BX
	MOVQ n+32(FP), CX
	MOVQ out+40(FP), R13
group:
	GROUP(warm+48(FP))
	BODY256(L2)
	STORE(group)

// func ipAVX2(q, rows *float32, dim int, ids *uint32, n int, out *float32, warm int)
TEXT ·ipAVX2(SB), NOSPLIT, $0-56
	MOVQ q+0(FP), SI
	MOVQ rows+8(FP), DI
	MOVQ dim+16(FP), DX
	MASK256
	MOVQ ids+24(FP), BX
	MOVQ n+32(FP), CX
	MOVQ out+40(FP), R13
group:
	GROUP(warm+48(FP))
	BODY256(IP)
	STORE(group)
