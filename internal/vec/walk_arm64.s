//go:build arm64 && !purego && !race

#include "textflag.h"

// func unvisitedARM64(ids *uint32, n int, visited *uint64, limit int, out *uint32, rows *byte, stride, warm int, ahead *uint32) int
//
// The first loop has no branch that depends on the data but the test of the
// limit, which a walk seldom fails: every id is written to out, and the count
// moves on only when the bit was clear. The second one prefetches. The barrier
// makes the loads of ids those of an acquire, all at once.
TEXT ·unvisitedARM64(SB), NOSPLIT, $0-80
	MOVD ahead+64(FP), R0
	PRFM (R0), PLDL1KEEP // of nil, or beyond a list, it does nothing
	PRFM 64(R0), PLDL1KEEP
	MOVD ids+0(FP), R0
	MOVD n+8(FP), R1
	MOVD visited+16(FP), R2
	MOVD limit+24(FP), R3
	MOVD out+32(FP), R4
	MOVD $1, R5
	MOVD $0, R6 // count
filter:
	MOVWU.P 4(R0), R7
	CMP  R3, R7
	BHS  next
	LSR  $6, R7, R8
	MOVD (R2)(R8<<3), R9
	MOVW R7, (R4)(R6<<2)
	LSR  R7, R9, R10 // by the lowest six bits
	LSL  R7, R5, R11
	ORR  R11, R9, R9
	MOVD R9, (R2)(R8<<3)
	BIC  R10, R5, R10 // 1 if the bit was clear
	ADD  R10, R6, R6
next:
	SUBS $1, R1, R1
	BNE  filter

	MOVD R6, ret+72(FP)
	CBZ  R6, end
	MOVD rows+40(FP), R1
	MOVD stride+48(FP), R2
	MOVD warm+56(FP), R3
prefetch:
	MOVWU.P 4(R4), R7
	MADD R2, R1, R7, R7
	ADD  R3, R7, R8
line:
	PRFM (R7), PLDL1KEEP
	ADD  $64, R7, R7
	CMP  R8, R7
	BLO  line
	SUBS $1, R6, R6
	BNE  prefetch
end:
	DMB $0x9 // ISHLD
	RET
