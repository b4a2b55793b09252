//go:build amd64 && !purego && !race

#include "textflag.h"
#include "rows_amd64.h"

// Distances of a query of float32 and rows of 16 bits an element, float16 or
// bfloat16, which are widened to float32 on their way: offset AX in a row is
// 2*AX in the query. Otherwise as the kernels of float32.

// F16 and BF16 widen as many elements as a register t has floats. A bfloat16
// is the upper half of a float32.
//
// Conversions are what the loops of float16 take their time for: there is one for a
// register of floats, and the machine has one or two a cycle. bfloat16 needs none in
// the loop: of a register of pairs, the elements with even numbers are made floats
// by a shift, the others by clearing the lower half, and the query's are parted once
// for four rows.
#define F16(row, t) \
	VCVTPH2PS row, t

#define BF16(row, t) \
	VPMOVZXWD row, t; \
	VPSLLD    $16, t, t

// HALF adds one register of a row to its sum.
#define HALF(OP, WIDEN, row, q, t, sum) \
	WIDEN(row, t); \
	OP(t, q, t, sum)

// F16TURN512 and BF16TURN512 add 32 elements of four rows, o bytes from here. Z20 and Z21 have the
// numbers of even and odd floats of two registers, Z22 ones in the upper halves.
#define F16TURN512(OP, o) \
	VMOVUPS 2*o(SI)(AX*2), Z8; \
	VMOVUPS 64+2*o(SI)(AX*2), Z9; \
	HALF(OP, F16, o(R8)(AX*1), Z8, Z10, Z0); \
	HALF(OP, F16, o(R9)(AX*1), Z8, Z11, Z1); \
	HALF(OP, F16, o(R10)(AX*1), Z8, Z12, Z2); \
	HALF(OP, F16, o(R11)(AX*1), Z8, Z13, Z3); \
	HALF(OP, F16, 32+o(R8)(AX*1), Z9, Z14, Z4); \
	HALF(OP, F16, 32+o(R9)(AX*1), Z9, Z15, Z5); \
	HALF(OP, F16, 32+o(R10)(AX*1), Z9, Z16, Z6); \
	HALF(OP, F16, 32+o(R11)(AX*1), Z9, Z17, Z7)

#define BF16TURN512(OP, o) \
	VMOVUPS   2*o(SI)(AX*2), Z8; \
	VMOVAPS   Z8, Z9; \
	VMOVUPS   64+2*o(SI)(AX*2), Z18; \
	VPERMT2PS Z18, Z20, Z8; \
	VPERMT2PS Z18, Z21, Z9; \
	PAIRS512(OP, o(R8)(AX*1), Z10, Z14, Z0, Z4); \
	PAIRS512(OP, o(R9)(AX*1), Z11, Z15, Z1, Z5); \
	PAIRS512(OP, o(R10)(AX*1), Z12, Z16, Z2, Z6); \
	PAIRS512(OP, o(R11)(AX*1), Z13, Z17, Z3, Z7)

#define PAIRS512(OP, row, t, u, even, odd) \
	VMOVDQU64 row, u; \
	VPSLLD    $16, u, t; \
	VPANDD    Z22, u, u; \
	OP(t, Z8, t, even); \
	OP(u, Z9, u, odd)

// PARTS512 sets Z20, Z21 and Z22.
#define PARTS512 \
	VMOVDQU64    evens<>(SB), Z20; \
	MOVL         $1, AX; \
	VPBROADCASTD AX, Z21; \
	VPADDD       Z21, Z20, Z21; \
	MOVL         $0xffff0000, AX; \
	VPBROADCASTD AX, Z22

// evens are the even numbers below 32.
DATA evens<>+0(SB)/8, $0x0000000200000000
DATA evens<>+8(SB)/8, $0x0000000600000004
DATA evens<>+16(SB)/8, $0x0000000a00000008
DATA evens<>+24(SB)/8, $0x0000000e0000000c
DATA evens<>+32(SB)/8, $0x0000001200000010
DATA evens<>+40(SB)/8, $0x0000001600000014
DATA evens<>+48(SB)/8, $0x0000001a00000018
DATA evens<>+56(SB)/8, $0x0000001e0000001c
GLOBL evens<>(SB), RODATA|NOPTR, $64

// HALF512 computes the sums of four rows by OP with 512-bit registers, 256 elements
// a turn, then 32.
#define HALF512(OP, WIDEN, TURN) \
	VPXORQ Z0, Z0, Z0; \
	VPXORQ Z1, Z1, Z1; \
	VPXORQ Z2, Z2, Z2; \
	VPXORQ Z3, Z3, Z3; \
	VPXORQ Z4, Z4, Z4; \
	VPXORQ Z5, Z5, Z5; \
	VPXORQ Z6, Z6, Z6; \
	VPXORQ Z7, Z7, Z7; \
	FAR; \
eight: \
	LEAQ 512(AX), R15; \
	CMPQ R15, DX; \
	JGT  two; \
	FETCH(SIXTEEN, overA); \
	TURN(OP, 0); \
	TURN(OP, 64); \
	TURN(OP, 128); \
	TURN(OP, 192); \
	FETCH(SIXTEEN, overB); \
	TURN(OP, 256); \
	TURN(OP, 320); \
	TURN(OP, 384); \
	TURN(OP, 448); \
	MOVQ R15, AX; \
	JMP  eight; \
two: \
	LEAQ 64(AX), R15; \
	CMPQ R15, DX; \
	JGT  one; \
	FETCH(FOUR, over); \
	TURN(OP, 0); \
	MOVQ R15, AX; \
	JMP  two; \
one: \
	CMPQ AX, DX; \
	JGE  tail; \
	VMOVUPS (SI)(AX*2), Z8; \
	HALF(OP, WIDEN, (R8)(AX*1), Z8, Z10, Z0); \
	HALF(OP, WIDEN, (R9)(AX*1), Z8, Z11, Z1); \
	HALF(OP, WIDEN, (R10)(AX*1), Z8, Z12, Z2); \
	HALF(OP, WIDEN, (R11)(AX*1), Z8, Z13, Z3); \
	ADDQ $32, AX; \
tail: \
	CMPQ AX, R12; \
	JGE  sum; \
	VMOVUPS.Z   (SI)(AX*2), K1, Z8; \
	VMOVDQU16.Z (R8)(AX*1), K1, Y10; \
	VMOVDQU16.Z (R9)(AX*1), K1, Y11; \
	VMOVDQU16.Z (R10)(AX*1), K1, Y12; \
	VMOVDQU16.Z (R11)(AX*1), K1, Y13; \
	HALF(OP, WIDEN, Y10, Z8, Z10, Z4); \
	HALF(OP, WIDEN, Y11, Z8, Z11, Z5); \
	HALF(OP, WIDEN, Y12, Z8, Z12, Z6); \
	HALF(OP, WIDEN, Y13, Z8, Z13, Z7); \
sum: \
	VADDPS Z4, Z0, Z0; \
	VADDPS Z5, Z1, Z1; \
	VADDPS Z6, Z2, Z2; \
	VADDPS Z7, Z3, Z3; \
	SUM512

// func l2F16AVX512(q *float32, rows *byte, dim int, ids *uint32, n int, out *float32, warm int)
TEXT ·l2F16AVX512(SB), NOSPLIT, $0-56
	MASK512(1)
	POINTERS
	GROUPS(HALF512(L2, F16, F16TURN512))

// func ipF16AVX512(q *float32, rows *byte, dim int, ids *uint32, n int, out *float32, warm int)
TEXT ·ipF16AVX512(SB), NOSPLIT, $0-56
	MASK512(1)
	POINTERS
	GROUPS(HALF512(IP, F16, F16TURN512))

// func l2BF16AVX512(q *float32, rows *byte, dim int, ids *uint32, n int, out *float32, warm int)
TEXT ·l2BF16AVX512(SB), NOSPLIT, $0-56
	PARTS512
	MASK512(1)
	POINTERS
	GROUPS(HALF512(L2, BF16, BF16TURN512))

// func ipBF16AVX512(q *float32, rows *byte, dim int, ids *uint32, n int, out *float32, warm int)
TEXT ·ipBF16AVX512(SB), NOSPLIT, $0-56
	PARTS512
	MASK512(1)
	POINTERS
	GROUPS(HALF512(IP, BF16, BF16TURN512))

// F16TURN256 and BF16TURN256 add 16 elements of four rows. Y14 has ones in the upper
// halves. VSHUFPS parts the floats within each 128 bits, so that the query's are
// loaded to where a row has them.
#define F16TURN256(OP) \
	VMOVUPS (SI)(AX*2), Y8; \
	VMOVUPS 32(SI)(AX*2), Y9; \
	HALF(OP, F16, (R8)(AX*1), Y8, Y10, Y0); \
	HALF(OP, F16, (R9)(AX*1), Y8, Y11, Y1); \
	HALF(OP, F16, (R10)(AX*1), Y8, Y12, Y2); \
	HALF(OP, F16, (R11)(AX*1), Y8, Y13, Y3); \
	HALF(OP, F16, 16(R8)(AX*1), Y9, Y10, Y4); \
	HALF(OP, F16, 16(R9)(AX*1), Y9, Y11, Y5); \
	HALF(OP, F16, 16(R10)(AX*1), Y9, Y12, Y6); \
	HALF(OP, F16, 16(R11)(AX*1), Y9, Y13, Y7)

#define BF16TURN256(OP) \
	VMOVUPS     (SI)(AX*2), X8; \
	VINSERTF128 $1, 32(SI)(AX*2), Y8, Y8; \
	VMOVUPS     16(SI)(AX*2), X10; \
	VINSERTF128 $1, 48(SI)(AX*2), Y10, Y10; \
	VSHUFPS     $0xdd, Y10, Y8, Y9; \
	VSHUFPS     $0x88, Y10, Y8, Y8; \
	PAIRS256(OP, (R8)(AX*1), Y10, Y12, Y0, Y4); \
	PAIRS256(OP, (R9)(AX*1), Y11, Y13, Y1, Y5); \
	PAIRS256(OP, (R10)(AX*1), Y10, Y12, Y2, Y6); \
	PAIRS256(OP, (R11)(AX*1), Y11, Y13, Y3, Y7)

#define PAIRS256(OP, row, t, u, even, odd) \
	VMOVDQU row, u; \
	VPSLLD  $16, u, t; \
	VPAND   Y14, u, u; \
	OP(t, Y8, t, even); \
	OP(u, Y9, u, odd)

// PARTS256 sets Y14.
#define PARTS256 \
	VPCMPEQD Y14, Y14, Y14; \
	VPSLLD   $16, Y14, Y14

// HALF256 computes the sums of four rows by OP with 256-bit registers, 16
// elements a turn, up to the last whole register of a row.
#define HALF256(OP, WIDEN, TURN) \
	VXORPS Y0, Y0, Y0; \
	VXORPS Y1, Y1, Y1; \
	VXORPS Y2, Y2, Y2; \
	VXORPS Y3, Y3, Y3; \
	VXORPS Y4, Y4, Y4; \
	VXORPS Y5, Y5, Y5; \
	VXORPS Y6, Y6, Y6; \
	VXORPS Y7, Y7, Y7; \
	FAR; \
two: \
	LEAQ 32(AX), R15; \
	CMPQ R15, DX; \
	JGT  one; \
	FETCH(TWO, over); \
	TURN(OP); \
	MOVQ R15, AX; \
	JMP  two; \
one: \
	CMPQ AX, DX; \
	JGE  sum; \
	VMOVUPS (SI)(AX*2), Y8; \
	HALF(OP, WIDEN, (R8)(AX*1), Y8, Y10, Y0); \
	HALF(OP, WIDEN, (R9)(AX*1), Y8, Y11, Y1); \
	HALF(OP, WIDEN, (R10)(AX*1), Y8, Y12, Y2); \
	HALF(OP, WIDEN, (R11)(AX*1), Y8, Y13, Y3); \
sum: \
	VADDPS Y4, Y0, Y0; \
	VADDPS Y5, Y1, Y1; \
	VADDPS Y6, Y2, Y2; \
	VADDPS Y7, Y3, Y3; \
	SUM4

// HALFARGS256 loads the arguments.
#define HALFARGS256 \
	MOVQ dim+16(FP), DX; \
	LEAQ (DX*2), R12; \
	ANDQ $~7, DX; \
	SHLQ $1, DX; \
	POINTERS

// func l2F16AVX2(q *float32, rows *byte, dim int, ids *uint32, n int, out *float32, warm int)
TEXT ·l2F16AVX2(SB), NOSPLIT, $0-56
	HALFARGS256
	GROUPS(HALF256(L2, F16, F16TURN256))

// func ipF16AVX2(q *float32, rows *byte, dim int, ids *uint32, n int, out *float32, warm int)
TEXT ·ipF16AVX2(SB), NOSPLIT, $0-56
	HALFARGS256
	GROUPS(HALF256(IP, F16, F16TURN256))

// func l2BF16AVX2(q *float32, rows *byte, dim int, ids *uint32, n int, out *float32, warm int)
TEXT ·l2BF16AVX2(SB), NOSPLIT, $0-56
	PARTS256
	HALFARGS256
	GROUPS(HALF256(L2, BF16, BF16TURN256))

// func ipBF16AVX2(q *float32, rows *byte, dim int, ids *uint32, n int, out *float32, warm int)
TEXT ·ipBF16AVX2(SB), NOSPLIT, $0-56
	PARTS256
	HALFARGS256
	GROUPS(HALF256(IP, BF16, BF16TURN256))
