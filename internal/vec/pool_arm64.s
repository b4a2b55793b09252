//go:build arm64 && !purego && !race

#include "textflag.h"

// func offerNEON(pool *uint64, n, limit int, dist, ids *uint32, m int, lists *uint32, stride int) (count, first int)
//
// A key that is not above the last of a full pool is inserted from the far end:
// four keys at a time move one place on as long as the lowest of them is above
// it, then one at a time. The zeros before the pool end the loops at the latest.
//
//	R0 pool    R1 keys in it   R2 limit   R9 the last key of a full pool, else all ones
//	R3 dist    R4 ids          R5 how many are left
//	R6 lists   R7 bytes of a list         R8 first place that changed
//	R12 the key being inserted            R14 its place
TEXT ·offerNEON(SB), NOSPLIT, $0-80
	MOVD pool+0(FP), R0
	MOVD n+8(FP), R1
	MOVD limit+16(FP), R2
	MOVD dist+24(FP), R3
	MOVD ids+32(FP), R4
	MOVD m+40(FP), R5
	MOVD lists+48(FP), R6
	MOVD stride+56(FP), R7
	MOVD R2, R8
	MOVD $-1, R9
	CMP  R2, R1
	BLT  one
	ADD  R1<<3, R0, R10
	MOVD -8(R10), R9
one:
	MOVWU.P 4(R3), R10
	MOVWU.P 4(R4), R11
	LSL  $1, R11, R12
	ORR  R10<<32, R12, R12
	CMP  R9, R12
	BHI  skip
	MADD R7, R6, R11, R13
	PRFM (R13), PLDL1KEEP
	PRFM 64(R13), PLDL1KEEP
	ADD  R7, R13, R13
	SUB  $4, R13, R13
	PRFM (R13), PLDL1KEEP
	CMP  R2, R1
	BLT  room
	SUB  $1, R1, R1
room:
	ADD  R1<<3, R0, R14
four:
	MOVD -32(R14), R10
	CMP  R12, R10
	BLS  few
	SUB  $32, R14, R14
	VLD1 (R14), [V0.D2, V1.D2]
	ADD  $8, R14, R10
	VST1 [V0.D2, V1.D2], (R10)
	B    four
few:
	MOVD -8(R14), R10
	CMP  R12, R10
	BLS  place
	MOVD R10, (R14)
	SUB  $8, R14, R14
	B    few
place:
	MOVD R12, (R14)
	SUB  R0, R14, R14
	LSR  $3, R14, R14
	CMP  R8, R14
	CSEL LT, R14, R8, R8
	ADD  $1, R1, R1
	CMP  R2, R1
	BLT  skip
	ADD  R1<<3, R0, R10
	MOVD -8(R10), R9
skip:
	SUBS $1, R5, R5
	BNE  one
	MOVD R1, count+64(FP)
	MOVD R8, first+72(FP)
	RET
