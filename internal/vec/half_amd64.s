//go:build amd64 && !purego && !race

#include "textflag.h"
#include "rows_amd64.h"

// Distances of a query of float32 and rows of 16 bits an element, float16 or
// bfloat16, which are widened to float32 on their way: offset AX in a row is
// 2*AX in the query. Otherwise as the kernels of float32.

// F16 and BF16 widen as many elements as a register t has floats. A bfloat16
// is the upper half of a float32.
#define F16(row, t) \
	VCVTPH2PS row, t

#define BF16(row, t) \
	VPMOVZXWD row, t; \
	VPSLLD    $16, t, t

// HALF adds one register of a row to its sum.
#define HALF(OP, WIDEN, row, q, t, sum) \
	WIDEN(row, t); \
	OP(t, q, t, sum)

// HALF512 computes the sums of four rows by OP with 512-bit registers, 32
// elements a turn.
#define HALF512(OP, WIDEN) \
	VPXORQ Z0, Z0, Z0; \
	VPXORQ Z1, Z1, Z1; \
	VPXORQ Z2, Z2, Z2; \
	VPXORQ Z3, Z3, Z3; \
	VPXORQ Z4, Z4, Z4; \
	VPXORQ Z5, Z5, Z5; \
	VPXORQ Z6, Z6, Z6; \
	VPXORQ Z7, Z7, Z7; \
	FAR; \
two: \
	LEAQ 64(AX), R15; \
	CMPQ R15, DX; \
	JGT  one; \
	FETCH(FOUR, over); \
	VMOVUPS (SI)(AX*2), Z8; \
	VMOVUPS 64(SI)(AX*2), Z9; \
	HALF(OP, WIDEN, (R8)(AX*1), Z8, Z10, Z0); \
	HALF(OP, WIDEN, (R9)(AX*1), Z8, Z11, Z1); \
	HALF(OP, WIDEN, (R10)(AX*1), Z8, Z12, Z2); \
	HALF(OP, WIDEN, (R11)(AX*1), Z8, Z13, Z3); \
	HALF(OP, WIDEN, 32(R8)(AX*1), Z9, Z14, Z4); \
	HALF(OP, WIDEN, 32(R9)(AX*1), Z9, Z15, Z5); \
	HALF(OP, WIDEN, 32(R10)(AX*1), Z9, Z16, Z6); \
	HALF(OP, WIDEN, 32(R11)(AX*1), Z9, Z17, Z7); \
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
group:
	GROUP(warm+48(FP))
	HALF512(L2, F16)
	STORE(group)

// func ipF16AVX512(q *float32, rows *byte, dim int, ids *uint32, n int, out *float32, warm int)
TEXT ·ipF16AVX512(SB), NOSPLIT, $0-56
	MASK512(1)
	POINTERS
group:
	GROUP(warm+48(FP))
	HALF512(IP, F16)
	STORE(group)

// func l2BF16AVX512(q *float32, rows *byte, dim int, ids *uint32, n int, out *float32, warm int)
TEXT ·l2BF16AVX512(SB), NOSPLIT, $0-56
	MASK512(1)
	POINTERS
group:
	GROUP(warm+48(FP))
	HALF512(L2, BF16)
	STORE(group)

// func ipBF16AVX512(q *float32, rows *byte, dim int, ids *uint32, n int, out *float32, warm int)
TEXT ·ipBF16AVX512(SB), NOSPLIT, $0-56
	MASK512(1)
	POINTERS
group:
	GROUP(warm+48(FP))
	HALF512(IP, BF16)
	STORE(group)

// HALF256 computes the sums of four rows by OP with 256-bit registers, 16
// elements a turn, up to the last whole register of a row.
#define HALF256(OP, WIDEN) \
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
	VMOVUPS (SI)(AX*2), Y8; \
	VMOVUPS 32(SI)(AX*2), Y9; \
	HALF(OP, WIDEN, (R8)(AX*1), Y8, Y10, Y0); \
	HALF(OP, WIDEN, (R9)(AX*1), Y8, Y11, Y1); \
	HALF(OP, WIDEN, (R10)(AX*1), Y8, Y12, Y2); \
	HALF(OP, WIDEN, (R11)(AX*1), Y8, Y13, Y3); \
	HALF(OP, WIDEN, 16(R8)(AX*1), Y9, Y10, Y4); \
	HALF(OP, WIDEN, 16(R9)(AX*1), Y9, Y11, Y5); \
	HALF(OP, WIDEN, 16(R10)(AX*1), Y9, Y12, Y6); \
	HALF(OP, WIDEN, 16(R11)(AX*1), Y9, Y13, Y7); \
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
group:
	GROUP(warm+48(FP))
	HALF256(L2, F16)
	STORE(group)

// func ipF16AVX2(q *float32, rows *byte, dim int, ids *uint32, n int, out *float32, warm int)
TEXT ·ipF16AVX2(SB), NOSPLIT, $0-56
	HALFARGS256
group:
	GROUP(warm+48(FP))
	HALF256(IP, F16)
	STORE(group)

// func l2BF16AVX2(q *float32, rows *byte, dim int, ids *uint32, n int, out *float32, warm int)
TEXT ·l2BF16AVX2(SB), NOSPLIT, $0-56
	HALFARGS256
group:
	GROUP(warm+48(FP))
	HALF256(L2, BF16)
	STORE(group)

// func ipBF16AVX2(q *float32, rows *byte, dim int, ids *uint32, n int, out *float32, warm int)
TEXT ·ipBF16AVX2(SB), NOSPLIT, $0-56
	HALFARGS256
group:
	GROUP(warm+48(FP))
	HALF256(IP, BF16)
	STORE(group)
