// What the kernels of codes of one byte share, beside ints_amd64.h: sums of four rows,
// whose addresses are in R8 to R11, of R12 bytes each, with the query at SI.

// L2WORDS adds to sum the squares of the differences of as many codes as a
// register has words, at a row's address; q has the query's.
#define L2WORDS(DOT, row, q, t, sum) \
	VPMOVZXBW row, t; \
	VPSUBW    q, t, t; \
	DOT(t, t, t, sum)

// IPWORDS adds to sum the products of q, signed words, and unsigned codes.
#define IPWORDS(DOT, row, q, t, sum) \
	VPMOVZXBW row, t; \
	DOT(q, t, t, sum)

// WORDS512 computes the sums of four rows by OP, 64 codes a turn; WIDEN loads
// the query's.
#define WORDS512(OP, WIDEN, DOT) \
	CLEAR; \
loop: \
	WIDEN (SI)(AX*1), Z8; \
	WIDEN 32(SI)(AX*1), Z9; \
	OP(DOT, (R8)(AX*1), Z8, Z10, Z0); \
	OP(DOT, (R9)(AX*1), Z8, Z11, Z1); \
	OP(DOT, (R10)(AX*1), Z8, Z12, Z2); \
	OP(DOT, (R11)(AX*1), Z8, Z13, Z3); \
	OP(DOT, 32(R8)(AX*1), Z9, Z10, Z4); \
	OP(DOT, 32(R9)(AX*1), Z9, Z11, Z5); \
	OP(DOT, 32(R10)(AX*1), Z9, Z12, Z6); \
	OP(DOT, 32(R11)(AX*1), Z9, Z13, Z7); \
	ADDQ $64, AX; \
	CMPQ AX, R12; \
	JLT  loop; \
	FOLD512

// WORDS256 is WORDS512 with 256-bit registers, 32 codes a turn.
#define WORDS256(OP, WIDEN) \
	CLEAR; \
loop: \
	WIDEN (SI)(AX*1), Y8; \
	WIDEN 16(SI)(AX*1), Y9; \
	OP(DOTWIDE, (R8)(AX*1), Y8, Y10, Y0); \
	OP(DOTWIDE, (R9)(AX*1), Y8, Y11, Y1); \
	OP(DOTWIDE, (R10)(AX*1), Y8, Y12, Y2); \
	OP(DOTWIDE, (R11)(AX*1), Y8, Y13, Y3); \
	OP(DOTWIDE, 16(R8)(AX*1), Y9, Y10, Y4); \
	OP(DOTWIDE, 16(R9)(AX*1), Y9, Y11, Y5); \
	OP(DOTWIDE, 16(R10)(AX*1), Y9, Y12, Y6); \
	OP(DOTWIDE, 16(R11)(AX*1), Y9, Y13, Y7); \
	ADDQ $32, AX; \
	CMPQ AX, R12; \
	JLT  loop; \
	FOLD256

// BYTES512 computes four inner products of signed and unsigned bytes.
#define BYTES512 \
	CLEAR; \
two: \
	LEAQ 128(AX), R15; \
	CMPQ R15, R12; \
	JGT  one; \
	VMOVDQU64 (SI)(AX*1), Z8; \
	VMOVDQU64 64(SI)(AX*1), Z9; \
	VMOVDQU64 (R8)(AX*1), Z10; \
	VMOVDQU64 (R9)(AX*1), Z11; \
	VMOVDQU64 (R10)(AX*1), Z12; \
	VMOVDQU64 (R11)(AX*1), Z13; \
	VPDPBUSD Z8, Z10, Z0; \
	VPDPBUSD Z8, Z11, Z1; \
	VPDPBUSD Z8, Z12, Z2; \
	VPDPBUSD Z8, Z13, Z3; \
	VMOVDQU64 64(R8)(AX*1), Z10; \
	VMOVDQU64 64(R9)(AX*1), Z11; \
	VMOVDQU64 64(R10)(AX*1), Z12; \
	VMOVDQU64 64(R11)(AX*1), Z13; \
	VPDPBUSD Z9, Z10, Z4; \
	VPDPBUSD Z9, Z11, Z5; \
	VPDPBUSD Z9, Z12, Z6; \
	VPDPBUSD Z9, Z13, Z7; \
	MOVQ R15, AX; \
	JMP  two; \
one: \
	CMPQ AX, R12; \
	JGE  sum; \
	VMOVDQU64 (SI)(AX*1), Z8; \
	VMOVDQU64 (R8)(AX*1), Z10; \
	VMOVDQU64 (R9)(AX*1), Z11; \
	VMOVDQU64 (R10)(AX*1), Z12; \
	VMOVDQU64 (R11)(AX*1), Z13; \
	VPDPBUSD Z8, Z10, Z0; \
	VPDPBUSD Z8, Z11, Z1; \
	VPDPBUSD Z8, Z12, Z2; \
	VPDPBUSD Z8, Z13, Z3; \
sum: \
	FOLD512
