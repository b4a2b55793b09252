//go:build amd64 && !purego && !race

#include "textflag.h"

// ROW adds the products of 32 elements of the row at src and Z8 to sum.
#define ROW(src, t, sum) \
	VPMOVZXBW src, t;    \
	VPMADDWD  Z8, t, t;  \
	VPADDD    t, sum, sum

// ROWTAIL does so for 16 elements and Y8.
#define ROWTAIL(src, t, tz, sum) \
	VPMOVZXBW src, t;    \
	VPMADDWD  Y8, t, t;  \
	VPADDD    tz, sum, sum

// func ipBytesAVX512(q *int16, rows *byte, dim, n int, out *int32)
//
// Four rows at a time; the last four may have some of those before.
//
//	DI, R8, R9, R10 rows   AX elements done   BX where steps of 32 end
TEXT ·ipBytesAVX512(SB), NOSPLIT, $0-40
	MOVQ q+0(FP), SI
	MOVQ rows+8(FP), DI
	MOVQ dim+16(FP), DX
	MOVQ n+24(FP), CX
	MOVQ out+32(FP), R13
	MOVQ DX, BX
	ANDQ $~31, BX
	CMPQ CX, $4
	JL   done
four:
	LEAQ   (DI)(DX*1), R8
	LEAQ   (DI)(DX*2), R9
	LEAQ   (R8)(DX*2), R10
	VPXORQ Z0, Z0, Z0
	VPXORQ Z1, Z1, Z1
	VPXORQ Z2, Z2, Z2
	VPXORQ Z3, Z3, Z3
	XORQ   AX, AX
	CMPQ   AX, BX
	JGE    tail
step:
	VMOVDQU64 (SI)(AX*2), Z8
	ROW((DI)(AX*1), Z4, Z0)
	ROW((R8)(AX*1), Z5, Z1)
	ROW((R9)(AX*1), Z6, Z2)
	ROW((R10)(AX*1), Z7, Z3)
	ADDQ      $32, AX
	CMPQ      AX, BX
	JLT       step
tail:
	CMPQ    AX, DX
	JGE     sums
	VMOVDQU (SI)(AX*2), Y8
	ROWTAIL((DI)(AX*1), Y4, Z4, Z0)
	ROWTAIL((R8)(AX*1), Y5, Z5, Z1)
	ROWTAIL((R9)(AX*1), Y6, Z6, Z2)
	ROWTAIL((R10)(AX*1), Y7, Z7, Z3)
sums:
	VPUNPCKLDQ    Z1, Z0, Z4
	VPUNPCKHDQ    Z1, Z0, Z5
	VPUNPCKLDQ    Z3, Z2, Z6
	VPUNPCKHDQ    Z3, Z2, Z7
	VPADDD        Z5, Z4, Z4
	VPADDD        Z7, Z6, Z6
	VPUNPCKLQDQ   Z6, Z4, Z5
	VPUNPCKHQDQ   Z6, Z4, Z7
	VPADDD        Z7, Z5, Z5
	VEXTRACTI64X4 $1, Z5, Y4
	VPADDD        Y4, Y5, Y5
	VEXTRACTI128  $1, Y5, X4
	VPADDD        X4, X5, X5
	VMOVDQU       X5, (R13)
	ADDQ          $16, R13
	LEAQ          (DI)(DX*4), DI
	SUBQ          $4, CX
	JZ            done
	CMPQ          CX, $4
	JGE           four
	SUBQ          $4, CX // less the rows that are done again
	LEAQ          (R13)(CX*4), R13
	MOVQ          CX, AX
	IMULQ         DX, AX
	ADDQ          AX, DI
	MOVQ          $4, CX
	JMP           four
done:
	VZEROUPPER
	RET
