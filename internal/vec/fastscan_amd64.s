//go:build amd64 && !purego && !race

#include "textflag.h"

// Two pairs of tables are 64 bytes, and so are a block's codes of them: Z10 has
// in its quarters the tables of the low and high halves of the first pair's
// codes, then of the second's, and the codes of a pair are in one half of Z4.
// For the sums of even and odd rows see nibblesAsm.

// PAIRS adds what the codes at src name in the tables Z11 and Z12 to the sums.
#define PAIRS(src, codes, high, s0, s1, s2, s3) \
	VMOVDQU64 src, codes;         \
	VPSRLW    $4, codes, high;    \
	VPANDQ    Z15, codes, codes;  \
	VPANDQ    Z15, high, high;    \
	VPSHUFB   codes, Z11, codes;  \
	VPSHUFB   high, Z12, high;    \
	VPADDW    codes, s0, s0;      \
	VPADDW    high, s2, s2;       \
	VPSRLW    $8, codes, codes;   \
	VPSRLW    $8, high, high;     \
	VPADDW    codes, s1, s1;      \
	VPADDW    high, s3, s3

// SUMS adds up what belongs together and writes the sums of a block to dst.
#define SUMS(s0, s1, s2, s3, y0, y1, dst0, dst1) \
	VPADDW       s2, s0, s0;       \
	VPADDW       s3, s1, s1;       \
	VEXTRACTI64X4 $1, s0, Y8;      \
	VEXTRACTI64X4 $1, s1, Y9;      \
	VPADDW       Y8, y0, y0;       \
	VPADDW       Y9, y1, y1;       \
	VPSLLW       $8, y1, Y8;       \
	VPSUBW       Y8, y0, y0;       \
	VPUNPCKLWD   y1, y0, Y8;       \
	VPUNPCKHWD   y1, y0, Y9;       \
	VPERM2I128   $0x20, Y9, Y8, y0; \
	VPERM2I128   $0x31, Y9, Y8, y1; \
	VMOVDQU      y0, dst0;         \
	VMOVDQU      y1, dst1

// func nibblesAVX512(tables *byte, pairs int, blocks *byte, n int, out *uint16)
//
//	DI, R10 codes of two blocks, R8 tables, R9 pairs left, R11 bytes of a block
TEXT ·nibblesAVX512(SB), NOSPLIT, $0-40
	MOVQ         tables+0(FP), SI
	MOVQ         pairs+8(FP), DX
	MOVQ         blocks+16(FP), DI
	MOVQ         n+24(FP), CX
	MOVQ         out+32(FP), R13
	MOVL         $0x0f0f0f0f, AX
	VPBROADCASTD AX, Z15
	MOVQ         DX, R11
	SHLQ         $5, R11
block:
	LEAQ   (DI)(R11*1), R10
	CMPQ   CX, $1
	JNE    two
	MOVQ   DI, R10 // the last one twice
two:
	VPXORQ Z0, Z0, Z0
	VPXORQ Z1, Z1, Z1
	VPXORQ Z2, Z2, Z2
	VPXORQ Z3, Z3, Z3
	VPXORQ Z16, Z16, Z16
	VPXORQ Z17, Z17, Z17
	VPXORQ Z18, Z18, Z18
	VPXORQ Z19, Z19, Z19
	MOVQ   SI, R8
	MOVQ   DX, R9
	SUBQ   $2, R9
	JLT    last
pairs:
	VMOVDQU64  (R8), Z10
	VSHUFI64X2 $0xa0, Z10, Z10, Z11
	VSHUFI64X2 $0xf5, Z10, Z10, Z12
	PAIRS((DI), Z4, Z5, Z0, Z1, Z2, Z3)
	PAIRS((R10), Z6, Z7, Z16, Z17, Z18, Z19)
	ADDQ       $64, DI
	ADDQ       $64, R10
	ADDQ       $64, R8
	SUBQ       $2, R9
	JGE        pairs
last:
	CMPQ R9, $-1
	JNE  sums
	VBROADCASTI128 (R8), Y11
	VBROADCASTI128 16(R8), Y12
	VMOVDQU (DI), Y4
	VPSRLW  $4, Y4, Y5
	VPAND   Y15, Y4, Y4
	VPAND   Y15, Y5, Y5
	VPSHUFB Y4, Y11, Y4
	VPSHUFB Y5, Y12, Y5
	VMOVDQU (R10), Y6
	VPSRLW  $4, Y6, Y7
	VPAND   Y15, Y6, Y6
	VPAND   Y15, Y7, Y7
	VPSHUFB Y6, Y11, Y6
	VPSHUFB Y7, Y12, Y7
	VPADDW  Z4, Z0, Z0
	VPADDW  Z5, Z2, Z2
	VPADDW  Z6, Z16, Z16
	VPADDW  Z7, Z18, Z18
	VPSRLW  $8, Y4, Y4
	VPSRLW  $8, Y5, Y5
	VPSRLW  $8, Y6, Y6
	VPSRLW  $8, Y7, Y7
	VPADDW  Z4, Z1, Z1
	VPADDW  Z5, Z3, Z3
	VPADDW  Z6, Z17, Z17
	VPADDW  Z7, Z19, Z19
	ADDQ    $32, DI
	ADDQ    $32, R10
sums:
	SUMS(Z0, Z1, Z2, Z3, Y0, Y1, (R13), 32(R13))
	CMPQ CX, $1
	JEQ  done
	VMOVDQA64 Z16, Z0
	VMOVDQA64 Z17, Z1
	VMOVDQA64 Z18, Z2
	VMOVDQA64 Z19, Z3
	SUMS(Z0, Z1, Z2, Z3, Y0, Y1, 64(R13), 96(R13))
	MOVQ R10, DI
	ADDQ $128, R13
	SUBQ $2, CX
	JNZ  block
done:
	VZEROUPPER
	RET

// LOOKUP sets sums to the bytes that codes name in Z20 to Z23, whose upper half
// codes of 128 and more name.
#define LOOKUP(codes, sums) \
	VMOVDQA64 codes, sums;        \
	VMOVDQA64 codes, Z6;          \
	VPMOVB2M  codes, K1;          \
	VPERMI2B  Z21, Z20, sums;     \
	VPERMI2B  Z23, Z22, Z6;       \
	VMOVDQU8  Z6, K1, sums

// func byteSumsVBMI(tables *byte, m int, blocks *byte, n int, out *uint16)
//
// Rows 2i and 2i+1 are the bytes of word i: Z0 and Z2 add up whole words, Z1 and
// Z3 their upper bytes.
TEXT ·byteSumsVBMI(SB), NOSPLIT, $0-40
	MOVQ tables+0(FP), SI
	MOVQ m+8(FP), DX
	MOVQ blocks+16(FP), DI
	MOVQ n+24(FP), CX
	MOVQ out+32(FP), R13
	MOVQ DX, R11
	SHLQ $6, R11
	CMPQ CX, $1
	JEQ  bytesone
bytes:
	LEAQ   (DI)(R11*1), R10
	VPXORQ Z0, Z0, Z0
	VPXORQ Z1, Z1, Z1
	VPXORQ Z2, Z2, Z2
	VPXORQ Z3, Z3, Z3
	MOVQ   SI, R8
	MOVQ   DX, R9
table:
	VMOVDQU64 (R8), Z20
	VMOVDQU64 64(R8), Z21
	VMOVDQU64 128(R8), Z22
	VMOVDQU64 192(R8), Z23
	VMOVDQU64 (DI), Z4
	VMOVDQU64 (R10), Z5
	LOOKUP(Z4, Z7)
	LOOKUP(Z5, Z8)
	VPADDW    Z7, Z0, Z0
	VPADDW    Z8, Z2, Z2
	VPSRLW    $8, Z7, Z7
	VPSRLW    $8, Z8, Z8
	VPADDW    Z7, Z1, Z1
	VPADDW    Z8, Z3, Z3
	ADDQ      $64, DI
	ADDQ      $64, R10
	ADDQ      $256, R8
	DECQ      R9
	JNZ       table

#define WORDS(s0, s1, at) \
	VPSLLW     $8, s1, Z6;             \
	VPSUBW     Z6, s0, s0;             \
	VPUNPCKLWD s1, s0, Z7;             \
	VPUNPCKHWD s1, s0, Z8;             \
	VMOVDQA64  Z28, Z6;                \
	VPERMI2Q   Z8, Z7, Z6;             \
	VMOVDQU64  Z6, at(R13);            \
	VMOVDQA64  Z29, Z6;                \
	VPERMI2Q   Z8, Z7, Z6;             \
	VMOVDQU64  Z6, (at+64)(R13)

	VMOVDQU64 lowrows<>(SB), Z28
	VMOVDQU64 highrows<>(SB), Z29
	WORDS(Z0, Z1, 0)
	WORDS(Z2, Z3, 128)
	MOVQ R10, DI
	ADDQ $256, R13
	SUBQ $2, CX
	JZ   bytesdone
	CMPQ CX, $1
	JNE  bytes
bytesone:
	VPXORQ Z0, Z0, Z0
	VPXORQ Z1, Z1, Z1
	MOVQ   SI, R8
	MOVQ   DX, R9
tableone:
	VMOVDQU64 (R8), Z20
	VMOVDQU64 64(R8), Z21
	VMOVDQU64 128(R8), Z22
	VMOVDQU64 192(R8), Z23
	VMOVDQU64 (DI), Z4
	LOOKUP(Z4, Z7)
	VPADDW    Z7, Z0, Z0
	VPSRLW    $8, Z7, Z7
	VPADDW    Z7, Z1, Z1
	ADDQ      $64, DI
	ADDQ      $256, R8
	DECQ      R9
	JNZ       tableone
	VMOVDQU64 lowrows<>(SB), Z28
	VMOVDQU64 highrows<>(SB), Z29
	WORDS(Z0, Z1, 0)
bytesdone:
	VZEROUPPER
	RET

// lowrows and highrows put quarters of Z7 and Z8 by turns: rows 0 to 31, and 32
// to 63.
DATA lowrows<>+0(SB)/8, $0
DATA lowrows<>+8(SB)/8, $1
DATA lowrows<>+16(SB)/8, $8
DATA lowrows<>+24(SB)/8, $9
DATA lowrows<>+32(SB)/8, $2
DATA lowrows<>+40(SB)/8, $3
DATA lowrows<>+48(SB)/8, $10
DATA lowrows<>+56(SB)/8, $11
GLOBL lowrows<>(SB), RODATA|NOPTR, $64
DATA highrows<>+0(SB)/8, $4
DATA highrows<>+8(SB)/8, $5
DATA highrows<>+16(SB)/8, $12
DATA highrows<>+24(SB)/8, $13
DATA highrows<>+32(SB)/8, $6
DATA highrows<>+40(SB)/8, $7
DATA highrows<>+48(SB)/8, $14
DATA highrows<>+56(SB)/8, $15
GLOBL highrows<>(SB), RODATA|NOPTR, $64

// func tableBoundsAVX512(tables *float32, size, n int, lows, widths *float32)
TEXT ·tableBoundsAVX512(SB), NOSPLIT, $0-40
	MOVQ tables+0(FP), SI
	MOVQ size+8(FP), DX
	MOVQ n+16(FP), CX
	MOVQ lows+24(FP), DI
	MOVQ widths+32(FP), R8
bounds:
	VMOVUPS (SI), Z0
	VMOVAPS Z0, Z1
	ADDQ    $64, SI
	MOVQ    DX, AX
	SUBQ    $16, AX
	JZ      fold
more:
	VMOVUPS (SI), Z2
	VMINPS  Z2, Z0, Z0
	VMAXPS  Z2, Z1, Z1
	ADDQ    $64, SI
	SUBQ    $16, AX
	JNZ     more
fold:
	VEXTRACTF64X4 $1, Z0, Y2
	VEXTRACTF64X4 $1, Z1, Y3
	VMINPS        Y2, Y0, Y0
	VMAXPS        Y3, Y1, Y1
	VEXTRACTF128  $1, Y0, X2
	VEXTRACTF128  $1, Y1, X3
	VMINPS        X2, X0, X0
	VMAXPS        X3, X1, X1
	VPSHUFD       $0x4e, X0, X2
	VPSHUFD       $0x4e, X1, X3
	VMINPS        X2, X0, X0
	VMAXPS        X3, X1, X1
	VPSHUFD       $0xb1, X0, X2
	VPSHUFD       $0xb1, X1, X3
	VMINPS        X2, X0, X0
	VMAXPS        X3, X1, X1
	VSUBSS        X0, X1, X1
	VMOVSS        X0, (DI)
	VMOVSS        X1, (R8)
	ADDQ          $4, DI
	ADDQ          $4, R8
	DECQ          CX
	JNZ           bounds
	VZEROUPPER
	RET

// func roundTablesAVX512(tables *float32, size, n int, lows *float32, inv float32, dst *byte)
TEXT ·roundTablesAVX512(SB), NOSPLIT, $0-48
	MOVQ         tables+0(FP), SI
	MOVQ         size+8(FP), DX
	MOVQ         n+16(FP), CX
	MOVQ         lows+24(FP), R8
	VBROADCASTSS inv+32(FP), Z3
	MOVQ         dst+40(FP), DI
	MOVL         $0x3f000000, AX // a half
	VPBROADCASTD AX, Z4
	MOVL         $0x437f0000, AX // 255
	VPBROADCASTD AX, Z5
rounds:
	VBROADCASTSS (R8), Z2
	MOVQ         DX, AX
round:
	VMOVUPS    (SI), Z0
	VSUBPS     Z2, Z0, Z0
	VMULPS     Z3, Z0, Z0
	VADDPS     Z4, Z0, Z0
	VMINPS     Z5, Z0, Z0
	VCVTTPS2DQ Z0, Z0
	VPMOVDB    Z0, (DI)
	ADDQ       $64, SI
	ADDQ       $16, DI
	SUBQ       $16, AX
	JNZ        round
	ADDQ       $4, R8
	DECQ       CX
	JNZ        rounds
	VZEROUPPER
	RET

// func estimatesAVX512(e *Estimate, sums *uint16, n int, bias, scale *float32, limit float32, dist *float32) uint64
//
//	AX rows done, R11 bits found, R10 16 bits a turn, K1 rows of the turn
TEXT ·estimatesAVX512(SB), NOSPLIT, $0-64
	MOVQ         e+0(FP), BX
	MOVQ         sums+8(FP), SI
	MOVQ         n+16(FP), R9
	MOVQ         bias+24(FP), DI
	MOVQ         scale+32(FP), R8
	VBROADCASTSS limit+40(FP), Z6
	MOVQ         dist+48(FP), R13
	VBROADCASTSS (BX), Z0
	VBROADCASTSS 4(BX), Z1
	VBROADCASTSS 8(BX), Z2
	XORL         AX, AX
	XORL         R11, R11
	MOVL         $0xffff, DX
	KMOVW        DX, K1
rows:
	MOVQ R9, CX
	SUBQ AX, CX
	CMPQ CX, $16
	JGE  whole
	MOVL $1, DX
	SHLL CX, DX
	DECL DX
	KMOVW DX, K1
whole:
	VMOVDQU16.Z (SI)(AX*2), K1, Y3
	VPMOVZXWD   Y3, Z3
	VCVTDQ2PS   Z3, Z3
	VFMADD213PS Z1, Z2, Z3
	VMOVUPS.Z   (DI)(AX*4), K1, Z4
	VADDPS      Z0, Z4, Z4
	TESTQ       R8, R8
	JZ          ones
	VMOVUPS.Z   (R8)(AX*4), K1, Z5
	VFMADD213PS Z4, Z5, Z3
	JMP         compare
ones:
	VADDPS  Z4, Z3, Z3
compare:
	VMOVUPS Z3, K1, (R13)(AX*4)
	VCMPPS  $0x1a, Z6, Z3, K1, K2 // not greater
	KMOVW   K2, R10
	MOVQ    AX, CX
	SHLQ    CX, R10
	ORQ     R10, R11
	ADDQ    $16, AX
	CMPQ    AX, R9
	JLT     rows
	MOVQ    R11, ret+56(FP)
	VZEROUPPER
	RET
