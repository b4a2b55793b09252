//go:build amd64 && !purego && !race

#include "textflag.h"
#include "rows_amd64.h"
#include "ints_amd64.h"

// Distances of rows of int8, exact in 32 bits. Rows have any length; DX is where
// whole registers end, K1 the bytes of the last, partial one.

// L2WORDS and IPWORDS add to sum what the elements of t, already words, come to
// with those of q.
#define L2WORDS(DOT, q, t, sum) \
	VPSUBW q, t, t; \
	DOT(t, t, t, sum)

#define IPWORDS(DOT, q, t, sum) \
	DOT(q, t, t, sum)

// WORDS adds the elements at row, as many as a register has words.
#define WORDS(OP, DOT, row, q, t, sum) \
	VPMOVSXBW row, t; \
	OP(DOT, q, t, sum)

// WORDS512 computes the sums of four rows by OP, 64 elements a turn.
#define WORDS512(OP, DOT) \
	CLEAR; \
	FAR; \
two: \
	CMPQ AX, DX; \
	JGE  tail; \
	FETCH(FOUR, over); \
	VPMOVSXBW (SI)(AX*1), Z8; \
	VPMOVSXBW 32(SI)(AX*1), Z9; \
	WORDS(OP, DOT, (R8)(AX*1), Z8, Z10, Z0); \
	WORDS(OP, DOT, (R9)(AX*1), Z8, Z11, Z1); \
	WORDS(OP, DOT, (R10)(AX*1), Z8, Z12, Z2); \
	WORDS(OP, DOT, (R11)(AX*1), Z8, Z13, Z3); \
	WORDS(OP, DOT, 32(R8)(AX*1), Z9, Z14, Z4); \
	WORDS(OP, DOT, 32(R9)(AX*1), Z9, Z15, Z5); \
	WORDS(OP, DOT, 32(R10)(AX*1), Z9, Z16, Z6); \
	WORDS(OP, DOT, 32(R11)(AX*1), Z9, Z17, Z7); \
	ADDQ $64, AX; \
	JMP  two; \
tail: \
	CMPQ AX, R12; \
	JGE  sum; \
	VMOVDQU8.Z (SI)(AX*1), K1, Z8; \
	VMOVDQU8.Z (R8)(AX*1), K1, Z10; \
	VMOVDQU8.Z (R9)(AX*1), K1, Z11; \
	VMOVDQU8.Z (R10)(AX*1), K1, Z12; \
	VMOVDQU8.Z (R11)(AX*1), K1, Z13; \
	VEXTRACTI64X4 $1, Z8, Y9; \
	VEXTRACTI64X4 $1, Z10, Y14; \
	VEXTRACTI64X4 $1, Z11, Y15; \
	VEXTRACTI64X4 $1, Z12, Y16; \
	VEXTRACTI64X4 $1, Z13, Y17; \
	VPMOVSXBW Y8, Z8; \
	VPMOVSXBW Y9, Z9; \
	WORDS(OP, DOT, Y10, Z8, Z10, Z0); \
	WORDS(OP, DOT, Y11, Z8, Z11, Z1); \
	WORDS(OP, DOT, Y12, Z8, Z12, Z2); \
	WORDS(OP, DOT, Y13, Z8, Z13, Z3); \
	WORDS(OP, DOT, Y14, Z9, Z14, Z4); \
	WORDS(OP, DOT, Y15, Z9, Z15, Z5); \
	WORDS(OP, DOT, Y16, Z9, Z16, Z6); \
	WORDS(OP, DOT, Y17, Z9, Z17, Z7); \
sum: \
	FOLD512

// BYTES adds to sum the products of q and the bytes at row, made numbers without
// a sign by adding 128 (Z18 has 0x80 in each byte), as VPDPBUSD wants: 128 times
// the sum of the query too much, which LESS takes away.
#define BYTES(row, q, t, sum) \
	VPXORQ   row, Z18, t; \
	VPDPBUSD q, t, sum

// BYTES512 computes the inner products of four rows, 128 elements a turn.
#define BYTES512 \
	CLEAR; \
two: \
	LEAQ 128(AX), R15; \
	CMPQ R15, DX; \
	JGT  one; \
	VMOVDQU64 (SI)(AX*1), Z8; \
	VMOVDQU64 64(SI)(AX*1), Z9; \
	BYTES((R8)(AX*1), Z8, Z10, Z0); \
	BYTES((R9)(AX*1), Z8, Z11, Z1); \
	BYTES((R10)(AX*1), Z8, Z12, Z2); \
	BYTES((R11)(AX*1), Z8, Z13, Z3); \
	BYTES(64(R8)(AX*1), Z9, Z14, Z4); \
	BYTES(64(R9)(AX*1), Z9, Z15, Z5); \
	BYTES(64(R10)(AX*1), Z9, Z16, Z6); \
	BYTES(64(R11)(AX*1), Z9, Z17, Z7); \
	MOVQ R15, AX; \
	JMP  two; \
one: \
	CMPQ AX, DX; \
	JGE  tail; \
	VMOVDQU64 (SI)(AX*1), Z8; \
	BYTES((R8)(AX*1), Z8, Z10, Z0); \
	BYTES((R9)(AX*1), Z8, Z11, Z1); \
	BYTES((R10)(AX*1), Z8, Z12, Z2); \
	BYTES((R11)(AX*1), Z8, Z13, Z3); \
	ADDQ $64, AX; \
tail: \
	CMPQ AX, R12; \
	JGE  sum; \
	VMOVDQU8.Z (SI)(AX*1), K1, Z8; \
	VMOVDQU8.Z (R8)(AX*1), K1, Z10; \
	VMOVDQU8.Z (R9)(AX*1), K1, Z11; \
	VMOVDQU8.Z (R10)(AX*1), K1, Z12; \
	VMOVDQU8.Z (R11)(AX*1), K1, Z13; \
	BYTES(Z10, Z8, Z10, Z4); \
	BYTES(Z11, Z8, Z11, Z5); \
	BYTES(Z12, Z8, Z12, Z6); \
	BYTES(Z13, Z8, Z13, Z7); \
sum: \
	FOLD512

// BIAS sets X19 to four times 128 times the sum of the query, and Z18 to what
// BYTES needs.
#define BIAS \
	MOVL         sum+56(FP), AX; \
	SHLL         $7, AX; \
	VPBROADCASTD AX, X19; \
	MOVL         $0x80808080, AX; \
	VPBROADCASTD AX, Z18

#define LESS \
	VPSUBD X19, X0, X0

// INT8ARGS512 loads the arguments.
#define INT8ARGS512 \
	BYTEMASK512; \
	POINTERS

// func l2Int8VNNI(q, rows *byte, stride int, ids *uint32, n int, out *int32, warm int)
TEXT ·l2Int8VNNI(SB), NOSPLIT, $0-56
	INT8ARGS512
	GROUPS(WORDS512(L2WORDS, DOTVNNI))

// func l2Int8AVX512(q, rows *byte, stride int, ids *uint32, n int, out *int32, warm int)
TEXT ·l2Int8AVX512(SB), NOSPLIT, $0-56
	INT8ARGS512
	GROUPS(WORDS512(L2WORDS, DOTWIDE))

// func ipInt8VNNI(q, rows *byte, stride int, ids *uint32, n int, out *int32, warm int, sum int32)
TEXT ·ipInt8VNNI(SB), NOSPLIT, $0-60
	INT8ARGS512
	BIAS
	GROUPS(BYTES512; LESS)

// func ipInt8AVX512(q, rows *byte, stride int, ids *uint32, n int, out *int32, warm int)
TEXT ·ipInt8AVX512(SB), NOSPLIT, $0-56
	INT8ARGS512
	GROUPS(WORDS512(IPWORDS, DOTWIDE))

// WORDS256 computes the sums of four rows by OP, 32 elements a turn, up to the
// last 16 whole ones.
#define WORDS256(OP) \
	CLEAR; \
	FAR; \
two: \
	LEAQ 32(AX), R15; \
	CMPQ R15, DX; \
	JGT  one; \
	FETCH(TWO, over); \
	VPMOVSXBW (SI)(AX*1), Y8; \
	VPMOVSXBW 16(SI)(AX*1), Y9; \
	WORDS(OP, DOTWIDE, (R8)(AX*1), Y8, Y10, Y0); \
	WORDS(OP, DOTWIDE, (R9)(AX*1), Y8, Y11, Y1); \
	WORDS(OP, DOTWIDE, (R10)(AX*1), Y8, Y12, Y2); \
	WORDS(OP, DOTWIDE, (R11)(AX*1), Y8, Y13, Y3); \
	WORDS(OP, DOTWIDE, 16(R8)(AX*1), Y9, Y10, Y4); \
	WORDS(OP, DOTWIDE, 16(R9)(AX*1), Y9, Y11, Y5); \
	WORDS(OP, DOTWIDE, 16(R10)(AX*1), Y9, Y12, Y6); \
	WORDS(OP, DOTWIDE, 16(R11)(AX*1), Y9, Y13, Y7); \
	MOVQ R15, AX; \
	JMP  two; \
one: \
	CMPQ AX, DX; \
	JGE  sum; \
	VPMOVSXBW (SI)(AX*1), Y8; \
	WORDS(OP, DOTWIDE, (R8)(AX*1), Y8, Y10, Y0); \
	WORDS(OP, DOTWIDE, (R9)(AX*1), Y8, Y11, Y1); \
	WORDS(OP, DOTWIDE, (R10)(AX*1), Y8, Y12, Y2); \
	WORDS(OP, DOTWIDE, (R11)(AX*1), Y8, Y13, Y3); \
sum: \
	FOLD256

// INT8ARGS256 loads the arguments.
#define INT8ARGS256 \
	MOVQ stride+16(FP), R12; \
	MOVQ R12, DX; \
	ANDQ $~15, DX; \
	POINTERS

// func l2Int8AVX2(q, rows *byte, stride int, ids *uint32, n int, out *int32, warm int)
TEXT ·l2Int8AVX2(SB), NOSPLIT, $0-56
	INT8ARGS256
	GROUPS(WORDS256(L2WORDS))

// func ipInt8AVX2(q, rows *byte, stride int, ids *uint32, n int, out *int32, warm int)
TEXT ·ipInt8AVX2(SB), NOSPLIT, $0-56
	INT8ARGS256
	GROUPS(WORDS256(IPWORDS))
