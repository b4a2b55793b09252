//go:build amd64 && !purego && !race

#include "textflag.h"
#include "walk_amd64.h"

// func unvisitedAMD64(ids *uint32, n int, visited *uint64, limit int, out *uint32, rows *byte, stride, warm int, ahead *uint32) int
//
// The first loop has no branch that depends on the data but the test of the
// limit, which a walk seldom fails: every id is written to out, and the count
// moves on only when the bit was clear. The second one prefetches.
TEXT ·unvisitedAMD64(SB), NOSPLIT, $0-80
	MOVQ ahead+64(FP), AX
	PREFETCHT0 (AX) // of nil, or beyond a list, it does nothing
	PREFETCHT0 64(AX)
	MOVQ ids+0(FP), SI
	MOVQ n+8(FP), CX
	MOVQ visited+16(FP), DI
	MOVQ limit+24(FP), DX
	MOVQ out+32(FP), R8
	XORQ R11, R11        // count
	LEAQ (SI)(CX*4), R12 // end of ids
filter:
	MOVL (SI), AX
	ADDQ $4, SI
	CMPQ AX, DX
	JAE  next
	MOVL AX, R9
	SHRL $5, R9
	MOVL (DI)(R9*4), R10
	MOVL AX, (R8)(R11*4)
	BTSL AX, R10
	MOVL R10, (DI)(R9*4) // leaves the carry: the bit as it was
	SBBQ $-1, R11        // count + 1 - carry
next:
	CMPQ SI, R12
	JNE  filter

	MOVQ R11, ret+72(FP)
	TESTQ R11, R11
	JZ   end
	MOVQ rows+40(FP), DI
	MOVQ stride+48(FP), BX
	MOVQ warm+56(FP), DX
	LEAQ (R8)(R11*4), R12 // end of out
prefetch:
	MOVL  (R8), AX
	ADDQ  $4, R8
	IMULQ BX, AX
	ADDQ  DI, AX
	LEAQ  (AX)(DX*1), R9
line:
	PREFETCHT0 (AX)
	ADDQ  $64, AX
	CMPQ  AX, R9
	JLT   line
	CMPQ  R8, R12
	JNE   prefetch
end:
	RET

// APPENDED writes no more than out has room for.
#define APPENDED \
	VMOVDQU32 Z1, K1, (R11)

#define ROWS \
	MOVQ rows+40(FP), SI;   \
	MOVQ stride+48(FP), BX; \
	MOVQ warm+56(FP), DX

// func unvisitedAVX512(ids *uint32, n int, visited *uint64, limit int, out *uint32, rows *byte, stride, warm int, ahead *uint32) int
TEXT ·unvisitedAVX512(SB), NOSPLIT, $0-80
	MOVQ         ahead+64(FP), AX
	PREFETCHT0   (AX)
	PREFETCHT0   64(AX)
	MOVQ         ids+0(FP), SI
	MOVQ         n+8(FP), R9
	MOVQ         visited+16(FP), DI
	MOVQ         out+32(FP), R8
	VPBROADCASTD limit+24(FP), Z3
	MOVL         $1, AX
	VPBROADCASTD AX, Z4
	MOVQ         R8, R11
	MOVQ         R8, R12
	VISIT(APPENDED, ROWS)
	VZEROUPPER
	SUBQ         out+32(FP), R12
	SHRQ         $2, R12
	MOVQ         R12, ret+72(FP)
	RET
