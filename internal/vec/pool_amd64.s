//go:build amd64 && !purego && !race

#include "textflag.h"
#include "pool_amd64.h"

// func offerAVX512(pool *uint64, n, limit int, dist, ids *uint32, m int, lists *uint32, stride int) (count, first int)
TEXT ·offerAVX512(SB), NOSPLIT, $128-80
	MOVQ pool+0(FP), DI
	MOVQ n+8(FP), CX
	MOVQ limit+16(FP), DX
	MOVQ dist+24(FP), SI
	MOVQ ids+32(FP), R8
	MOVQ m+40(FP), R9
	MOVQ lists+48(FP), R10
	MOVQ stride+56(FP), R11
	OFFER
	MOVQ CX, count+64(FP)
	MOVQ R13, first+72(FP)
	VZEROUPPER
	RET
