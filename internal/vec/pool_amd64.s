//go:build amd64 && !purego && !race

#include "textflag.h"

// func offerAVX512(pool *uint64, n, limit int, dist, ids *uint32, m int, lists *uint32, stride int) (count, first int)
//
// Sixteen distances at a time are compared with that of the last place, which is
// the largest number while the pool is not full; few are not above. Each of those
// rows is put in by a pass over all keys that has no branch: at place i there is
// then min(key i, max(key i-1, the new one)).
//
//	DI pool    CX keys in it   DX limit   R13 the last place
//	SI dist    R8 ids          R9 how many are left
//	R10 lists  R11 bytes of a list        R12 the least key put in
//	AX the lanes to be put in             R14 the key being put in
TEXT ·offerAVX512(SB), NOSPLIT, $128-80
	MOVQ pool+0(FP), DI
	MOVQ n+8(FP), CX
	MOVQ limit+16(FP), DX
	MOVQ dist+24(FP), SI
	MOVQ ids+32(FP), R8
	MOVQ m+40(FP), R9
	MOVQ lists+48(FP), R10
	MOVQ stride+56(FP), R11
	MOVQ $-1, R12
sixteen:
	MOVL  $0xffff, AX
	CMPQ  R9, $16
	JGE   load
	BZHIL R9, AX, AX
load:
	KMOVW        AX, K1
	VMOVDQU32.Z  (SI), K1, Z0
	VMOVDQU32.Z  (R8), K1, Z1
	VPBROADCASTD -4(DI)(DX*8), Z2
	VPCMPUD      $2, Z2, Z0, K1, K2 // not above the last
	KMOVW        K2, AX
	TESTL        AX, AX
	JZ           done
	VPADDD       Z1, Z1, Z1
	VPMOVZXDQ    Y0, Z2
	VPMOVZXDQ    Y1, Z3
	VEXTRACTI64X4 $1, Z0, Y0
	VEXTRACTI64X4 $1, Z1, Y1
	VPMOVZXDQ    Y0, Z0
	VPMOVZXDQ    Y1, Z1
	VPSLLQ       $32, Z2, Z2
	VPSLLQ       $32, Z0, Z0
	VPORQ        Z3, Z2, Z2
	VPORQ        Z1, Z0, Z0
	VMOVDQU64    Z2, keys-128(SP)
	VMOVDQU64    Z0, keys-64(SP)
one:
	TZCNTL       AX, BX
	BLSRL        AX, AX
	MOVQ         keys-128(SP)(BX*8), R14
	CMPQ         R14, R12
	CMOVQCS      R14, R12
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
	LEAQ         1(CX), BX
	CMPQ         CX, DX
	CMOVQLT      BX, CX
	VPBROADCASTQ R14, Z3
	LEAQ         31(CX), BX
	ANDQ         $~31, BX
	LEAQ         (DI)(BX*8), BX
	VMOVDQU64    -64(BX), Z4
shift:
	VMOVDQU64 -128(BX), Z5
	VMOVDQU64 -192(BX), Z6
	VMOVDQU64 -256(BX), Z7
	VMOVDQU64 -320(BX), Z8
	VALIGNQ   $7, Z5, Z4, Z9
	VALIGNQ   $7, Z6, Z5, Z10
	VALIGNQ   $7, Z7, Z6, Z11
	VALIGNQ   $7, Z8, Z7, Z12
	VPMAXUQ   Z3, Z9, Z9
	VPMAXUQ   Z3, Z10, Z10
	VPMAXUQ   Z3, Z11, Z11
	VPMAXUQ   Z3, Z12, Z12
	VPMINUQ   Z4, Z9, Z9
	VPMINUQ   Z5, Z10, Z10
	VPMINUQ   Z6, Z11, Z11
	VPMINUQ   Z7, Z12, Z12
	VMOVDQU64 Z9, -64(BX)
	VMOVDQU64 Z10, -128(BX)
	VMOVDQU64 Z11, -192(BX)
	VMOVDQU64 Z12, -256(BX)
	VMOVDQA64 Z8, Z4
	SUBQ      $256, BX
	CMPQ      BX, DI
	JHI       shift
	TESTL AX, AX
	JNZ   one
done:
	ADDQ $64, SI
	ADDQ $64, R8
	SUBQ $16, R9
	JGT  sixteen

	MOVQ CX, count+64(FP)
	VPBROADCASTQ R12, Z3
	XORQ R13, R13
	LEAQ (DI)(CX*8), R8
count:
	VPCMPUQ $6, (DI), Z3, K1
	KMOVB   K1, AX
	POPCNTL AX, AX
	ADDQ    AX, R13
	ADDQ    $64, DI
	CMPQ    DI, R8
	JLT     count
	CMPQ    R13, DX
	CMOVQGT DX, R13
	MOVQ    R13, first+72(FP)
	VZEROUPPER
	RET
