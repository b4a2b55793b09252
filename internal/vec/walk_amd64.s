//go:build amd64 && !purego && !race

#include "textflag.h"

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

// func unvisitedAVX512(ids *uint32, n int, visited *uint64, limit int, out *uint32, rows *byte, stride, warm int, ahead *uint32) int
//
// Sixteen ids at a time are tested, and those whose bits are clear appended to
// out. The second loop sets the bits, leaves out an id that comes a second time,
// and prefetches.
TEXT ·unvisitedAVX512(SB), NOSPLIT, $0-80
	MOVQ         ahead+64(FP), AX
	PREFETCHT0   (AX)
	PREFETCHT0   64(AX)
	MOVQ         ids+0(FP), SI
	MOVQ         n+8(FP), CX
	MOVQ         visited+16(FP), DI
	MOVQ         out+32(FP), R8
	VPBROADCASTD limit+24(FP), Z3
	MOVL         $1, AX
	VPBROADCASTD AX, Z4
	MOVQ         R8, R11 // where to append
sixteen:
	MOVL  $0xffff, AX
	CMPQ  CX, $16
	JGE   load
	BZHIL CX, AX, AX
load:
	KMOVW       AX, K1
	VMOVDQU32.Z (SI), K1, Z0
	VPCMPUD     $1, Z3, Z0, K1, K2 // below the limit
	VPSRLD      $5, Z0, Z1
	KMOVW       K2, K3
	VPXORD      Z2, Z2, Z2
	VPGATHERDD  (DI)(Z1*4), K3, Z2
	VPRORVD     Z0, Z2, Z2         // the bit to the lowest place
	VPTESTNMD   Z4, Z2, K2, K2     // clear
	VPCOMPRESSD.Z Z0, K2, Z1
	VMOVDQU32   Z1, K1, (R11)
	KMOVW       K2, AX
	POPCNTL     AX, AX
	LEAQ        (R11)(AX*4), R11
	ADDQ        $64, SI
	SUBQ        $16, CX
	JGT         sixteen
	VZEROUPPER

	MOVQ R8, R12 // where those go that are new
	CMPQ R8, R11
	JEQ  end
	MOVQ rows+40(FP), SI
	MOVQ stride+48(FP), BX
	MOVQ warm+56(FP), DX
mark:
	MOVL  (R8), AX
	ADDQ  $4, R8
	MOVL  AX, R9
	SHRL  $5, R9
	MOVL  (DI)(R9*4), R10
	BTSL  AX, R10
	JCS   twice
	MOVL  R10, (DI)(R9*4)
	MOVL  AX, (R12)
	ADDQ  $4, R12
	IMULQ BX, AX
	ADDQ  SI, AX
	LEAQ  (AX)(DX*1), R9
line:
	PREFETCHT0 (AX)
	ADDQ  $64, AX
	CMPQ  AX, R9
	JLT   line
twice:
	CMPQ R8, R11
	JNE  mark
end:
	SUBQ out+32(FP), R12
	SHRQ $2, R12
	MOVQ R12, ret+72(FP)
	RET
