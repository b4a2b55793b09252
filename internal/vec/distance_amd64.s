//go:build amd64 && !purego && !race

#include "textflag.h"
#include "rows_amd64.h"

// Distances of float32. Tails of a row are read by masked loads, which touch
// nothing outside the mask.

// LINE512 adds a register of each of four rows, o bytes from here, to their sums.
#define LINE512(OP, o) \
	VMOVUPS o(SI)(AX*1), Z8; \
	OP(o(R8)(AX*1), Z8, Z10, Z0); \
	OP(o(R9)(AX*1), Z8, Z11, Z1); \
	OP(o(R10)(AX*1), Z8, Z12, Z2); \
	OP(o(R11)(AX*1), Z8, Z13, Z3)

// BODY512 computes the sums of four rows by OP with 512-bit registers. Eight lines
// of each row a turn, but one sum: in the first cache more sums are no faster, and
// from the second one this is a third faster than fewer lines or more sums. The
// last, partial register has a sum of its own.
#define BODY512(OP) \
	VPXORQ Z0, Z0, Z0; \
	VPXORQ Z1, Z1, Z1; \
	VPXORQ Z2, Z2, Z2; \
	VPXORQ Z3, Z3, Z3; \
eight: \
	LEAQ 512(AX), R15; \
	CMPQ R15, DX; \
	JGT  one; \
	LINE512(OP, 0); \
	LINE512(OP, 64); \
	LINE512(OP, 128); \
	LINE512(OP, 192); \
	LINE512(OP, 256); \
	LINE512(OP, 320); \
	LINE512(OP, 384); \
	LINE512(OP, 448); \
	MOVQ R15, AX; \
	JMP  eight; \
one: \
	CMPQ AX, DX; \
	JGE  tail; \
	LINE512(OP, 0); \
	ADDQ $64, AX; \
	JMP  one; \
tail: \
	CMPQ AX, R12; \
	JGE  sum; \
	VMOVUPS.Z (SI)(AX*1), K1, Z8; \
	VMOVUPS.Z (R8)(AX*1), K1, Z10; \
	VMOVUPS.Z (R9)(AX*1), K1, Z11; \
	VMOVUPS.Z (R10)(AX*1), K1, Z12; \
	VMOVUPS.Z (R11)(AX*1), K1, Z13; \
	VPXORQ Z4, Z4, Z4; \
	VPXORQ Z5, Z5, Z5; \
	VPXORQ Z6, Z6, Z6; \
	VPXORQ Z7, Z7, Z7; \
	OP(Z10, Z8, Z14, Z4); \
	OP(Z11, Z8, Z15, Z5); \
	OP(Z12, Z8, Z16, Z6); \
	OP(Z13, Z8, Z17, Z7); \
	VADDPS Z4, Z0, Z0; \
	VADDPS Z5, Z1, Z1; \
	VADDPS Z6, Z2, Z2; \
	VADDPS Z7, Z3, Z3; \
sum: \
	SUM512

// func l2AVX512(q, rows *float32, dim int, ids *uint32, n int, out *float32, warm int)
TEXT ·l2AVX512(SB), NOSPLIT, $0-56
	MASK512(2)
	POINTERS
	GROUPS(BODY512(L2))

// func ipAVX512(q, rows *float32, dim int, ids *uint32, n int, out *float32, warm int)
TEXT ·ipAVX512(SB), NOSPLIT, $0-56
	MASK512(2)
	POINTERS
	GROUPS(BODY512(IP))

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

// MASK256 does what MASK512 does for rows of floats, but sets Y15, not K1.
#define MASK256 \
	MOVQ    dim+16(FP), DX; \
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
	MASK256
	POINTERS
	GROUPS(BODY256(L2))

// func ipAVX2(q, rows *float32, dim int, ids *uint32, n int, out *float32, warm int)
TEXT ·ipAVX2(SB), NOSPLIT, $0-56
	MASK256
	POINTERS
	GROUPS(BODY256(IP))
