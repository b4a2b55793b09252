// What the kernels of whole numbers share, beside rows_amd64.h.

// BYTEMASK512 sets R12 and DX for rows of any number of bytes, and K1 to the bytes
// of the last, partial register.
#define BYTEMASK512 \
	MOVQ  stride+16(FP), R12; \
	MOVQ  R12, CX;            \
	ANDQ  $63, CX;            \
	MOVQ  $1, AX;             \
	SHLQ  CX, AX;             \
	DECQ  AX;                 \
	KMOVQ AX, K1;             \
	MOVQ  R12, DX;            \
	ANDQ  $~63, DX

// CLEAR clears the accumulators, Z0 to Z7: writing the lower half of a register
// clears the upper one.
#define CLEAR \
	VPXOR Y0, Y0, Y0; \
	VPXOR Y1, Y1, Y1; \
	VPXOR Y2, Y2, Y2; \
	VPXOR Y3, Y3, Y3; \
	VPXOR Y4, Y4, Y4; \
	VPXOR Y5, Y5, Y5; \
	VPXOR Y6, Y6, Y6; \
	VPXOR Y7, Y7, Y7

// DOTVNNI and DOTWIDE add to sum the products of neighbouring pairs of words.
#define DOTVNNI(a, b, t, sum) \
	VPDPWSSD a, b, sum

#define DOTWIDE(a, b, t, sum) \
	VPMADDWD a, b, t; \
	VPADDD   t, sum, sum

// FOLD256 adds up the 32-bit lanes of Y0, Y1, Y2 and Y3, each with its second
// accumulator, into the four of X0.
#define FOLD256 \
	VPADDD       Y4, Y0, Y0; \
	VPADDD       Y5, Y1, Y1; \
	VPADDD       Y6, Y2, Y2; \
	VPADDD       Y7, Y3, Y3; \
	VPHADDD      Y1, Y0, Y0; \
	VPHADDD      Y3, Y2, Y2; \
	VPHADDD      Y2, Y0, Y0; \
	VEXTRACTI128 $1, Y0, X1; \
	VPADDD       X1, X0, X0

// FOLD512 does the same with Z0 to Z7, as SUM512 does. It uses Z8 to Z11.
#define FOLD512 \
	VPADDD        Z4, Z0, Z0;   \
	VPADDD        Z5, Z1, Z1;   \
	VPADDD        Z6, Z2, Z2;   \
	VPADDD        Z7, Z3, Z3;   \
	VPUNPCKLDQ    Z1, Z0, Z8;   \
	VPUNPCKHDQ    Z1, Z0, Z9;   \
	VPUNPCKLDQ    Z3, Z2, Z10;  \
	VPUNPCKHDQ    Z3, Z2, Z11;  \
	VPADDD        Z9, Z8, Z8;   \
	VPADDD        Z11, Z10, Z10; \
	VPUNPCKLQDQ   Z10, Z8, Z9;  \
	VPUNPCKHQDQ   Z10, Z8, Z11; \
	VPADDD        Z11, Z9, Z0;  \
	VEXTRACTI64X4 $1, Z0, Y1;   \
	VPADDD        Y1, Y0, Y0;   \
	VEXTRACTI128  $1, Y0, X1;   \
	VPADDD        X1, X0, X0
