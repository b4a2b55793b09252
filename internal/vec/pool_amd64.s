//go:build amd64 && !purego && !race

#include "textflag.h"

// func offerAVX512(pool *uint64, n, limit int, dist, ids *uint32, m int, lists *uint32, stride int) (count, first int)
//
// Eight keys at a time are made and compared with the last of a full pool; few
// are below it. Such a key is inserted from the far end: of eight keys those
// above it move one place on, until not all eight do. The zeros before the pool
// end the loop at the latest.
//
//	DI pool    CX keys in it   DX limit   R13 the last key of a full pool, else all ones
//	SI dist    R8 ids          R9 how many are left
//	R10 lists  R11 bytes of a list        R12 first place that changed
//	AX the lanes to be inserted           R14 the key being inserted
TEXT ·offerAVX512(SB), NOSPLIT, $64-80
	MOVQ pool+0(FP), DI
	MOVQ n+8(FP), CX
	MOVQ limit+16(FP), DX
	MOVQ dist+24(FP), SI
	MOVQ ids+32(FP), R8
	MOVQ m+40(FP), R9
	MOVQ lists+48(FP), R10
	MOVQ stride+56(FP), R11
	MOVQ DX, R12
	MOVQ $-1, R13
	CMPQ CX, DX
	JLT  eight
	MOVQ -8(DI)(CX*8), R13
eight:
	MOVL  $0xff, AX
	CMPQ  R9, $8
	JGE   load
	BZHIL R9, AX, AX
load:
	KMOVB        AX, K1
	VPMOVZXDQ.Z  (SI), K1, Z0
	VPMOVZXDQ.Z  (R8), K1, Z1
	VPSLLQ       $32, Z0, Z0
	VPADDQ       Z1, Z1, Z1
	VPORQ        Z1, Z0, Z0
	VPBROADCASTQ R13, Z2
	VPCMPUQ      $2, Z2, Z0, K1, K2 // not above the last
	KMOVB        K2, AX
	TESTL        AX, AX
	JZ           done
	VMOVDQU64    Z0, keys-64(SP)
one:
	TZCNTL       AX, BX
	BLSRL        AX, AX
	MOVQ         keys-64(SP)(BX*8), R14
	CMPQ         R14, R13
	JHI          skip
	TESTQ        R11, R11
	JZ           place
	MOVL         R14, BX
	SHRL         $1, BX
	IMULQ        R11, BX
	ADDQ         R10, BX
	PREFETCHT0   (BX)
	PREFETCHT0   64(BX)
	PREFETCHT0   -4(BX)(R11*1)
place:
	CMPQ         CX, DX
	JLT          room
	DECQ         CX
room:
	VPBROADCASTQ R14, Z3
	LEAQ         -64(DI)(CX*8), BX
shift:
	VMOVDQU64 (BX), Z4
	VPCMPUQ   $6, Z3, Z4, K3 // above the key
	KMOVB     K3, R15
	VMOVDQU64 Z4, K3, 8(BX)
	SUBQ      $64, BX
	CMPL      R15, $0xff
	JEQ       shift
	POPCNTL   R15, R15
	SHLQ      $3, R15
	SUBQ      R15, BX
	MOVQ      R14, 128(BX)
	LEAQ      128(BX), BX
	SUBQ      DI, BX
	SHRQ      $3, BX
	CMPQ      BX, R12
	CMOVQLT   BX, R12
	INCQ      CX
	CMPQ      CX, DX
	JLT       skip
	MOVQ      -8(DI)(CX*8), R13
skip:
	TESTL AX, AX
	JNZ   one
done:
	ADDQ $32, SI
	ADDQ $32, R8
	SUBQ $8, R9
	JGT  eight
	MOVQ CX, count+64(FP)
	MOVQ R12, first+72(FP)
	VZEROUPPER
	RET
