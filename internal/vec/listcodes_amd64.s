//go:build amd64 && !purego && !race

#include "textflag.h"

// STEP adds the products of 16 elements at offset from AX to sum.
#define STEP(offset, t, sum) \
	VPMOVZXBW offset(DI)(AX*1), t;       \
	VPMADDWD  (2*offset)(SI)(AX*2), t, t; \
	VPADDD    t, sum, sum

// func ipBytesAsm(q *int16, rows *byte, dim, n int, out *int32)
TEXT ·ipBytesAsm(SB), NOSPLIT, $0-40
	MOVQ q+0(FP), SI
	MOVQ rows+8(FP), DI
	MOVQ dim+16(FP), DX
	MOVQ n+24(FP), CX
	MOVQ out+32(FP), R13
	MOVQ DX, BX
	ANDQ $~63, BX // where steps of 64 end
row:
	VPXOR Y0, Y0, Y0
	VPXOR Y1, Y1, Y1
	VPXOR Y2, Y2, Y2
	VPXOR Y3, Y3, Y3
	XORQ  AX, AX
four:
	CMPQ AX, BX
	JGE  one
	STEP(0, Y4, Y0)
	STEP(16, Y5, Y1)
	STEP(32, Y6, Y2)
	STEP(48, Y7, Y3)
	ADDQ $64, AX
	JMP  four
one:
	CMPQ AX, DX
	JGE  sum
	STEP(0, Y4, Y0)
	ADDQ $16, AX
	JMP  one
sum:
	VPADDD       Y1, Y0, Y0
	VPADDD       Y3, Y2, Y2
	VPADDD       Y2, Y0, Y0
	VEXTRACTI128 $1, Y0, X1
	VPADDD       X1, X0, X0
	VPSHUFD      $0x4e, X0, X1
	VPADDD       X1, X0, X0
	VPSHUFD      $0xb1, X0, X1
	VPADDD       X1, X0, X0
	VMOVD        X0, (R13)
	ADDQ         $4, R13
	ADDQ         DX, DI
	DECQ         CX
	JNZ          row
	VZEROUPPER
	RET

// halves has the low half of each byte.
DATA halves<>+0(SB)/8, $0x0f0f0f0f0f0f0f0f
DATA halves<>+8(SB)/8, $0x0f0f0f0f0f0f0f0f
DATA halves<>+16(SB)/8, $0x0f0f0f0f0f0f0f0f
DATA halves<>+24(SB)/8, $0x0f0f0f0f0f0f0f0f
GLOBL halves<>(SB), RODATA|NOPTR, $32

// Rows 2i and 2i+1 are the bytes of word i. Y0 and Y2 add up whole words, Y1
// and Y3 their upper bytes; at the end 256 times the latter is taken from the
// former, which leaves the sums of the even rows.

// func nibblesAsm(tables *byte, pairs int, blocks *byte, n int, out *uint16)
TEXT ·nibblesAsm(SB), NOSPLIT, $0-40
	MOVQ    tables+0(FP), SI
	MOVQ    pairs+8(FP), DX
	MOVQ    blocks+16(FP), DI
	MOVQ    n+24(FP), CX
	MOVQ    out+32(FP), R13
	VMOVDQU halves<>(SB), Y15
block:
	VPXOR Y0, Y0, Y0
	VPXOR Y1, Y1, Y1
	VPXOR Y2, Y2, Y2
	VPXOR Y3, Y3, Y3
	MOVQ  SI, R8
	MOVQ  DX, R9
pair:
	VMOVDQU        (DI), Y4
	VPSRLW         $4, Y4, Y5
	VPAND          Y15, Y4, Y4
	VPAND          Y15, Y5, Y5
	VBROADCASTI128 (R8), Y6
	VBROADCASTI128 16(R8), Y7
	VPSHUFB        Y4, Y6, Y6
	VPSHUFB        Y5, Y7, Y7
	VPADDW         Y6, Y0, Y0
	VPADDW         Y7, Y2, Y2
	VPSRLW         $8, Y6, Y6
	VPSRLW         $8, Y7, Y7
	VPADDW         Y6, Y1, Y1
	VPADDW         Y7, Y3, Y3
	ADDQ           $32, DI
	ADDQ           $32, R8
	DECQ           R9
	JNZ            pair

	VPADDW     Y2, Y0, Y0
	VPADDW     Y3, Y1, Y1
	VPSLLW     $8, Y1, Y4
	VPSUBW     Y4, Y0, Y0
	VPUNPCKLWD Y1, Y0, Y4 // rows 0-7 and 16-23
	VPUNPCKHWD Y1, Y0, Y5 // rows 8-15 and 24-31
	VPERM2I128 $0x20, Y5, Y4, Y6
	VPERM2I128 $0x31, Y5, Y4, Y7
	VMOVDQU    Y6, (R13)
	VMOVDQU    Y7, 32(R13)
	ADDQ       $64, R13
	DECQ       CX
	JNZ        block
	VZEROUPPER
	RET
