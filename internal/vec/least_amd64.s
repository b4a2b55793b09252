//go:build amd64 && !purego && !race

#include "textflag.h"

// func splitAVX512(keys *uint64, n int, pivot uint64, high *uint64) int
//
// Eight keys at a time are put side by side in registers and written whole: what
// is written too much lies where keys were read already, or is written again. The
// last ones, fewer than eight, are written under a mask.
//
//	SI keys   CX keys left   DI the next place of the low ones   DX of the high
TEXT ·splitAVX512(SB), NOSPLIT, $0-40
	MOVQ         keys+0(FP), SI
	MOVQ         n+8(FP), CX
	VPBROADCASTQ pivot+16(FP), Z1
	MOVQ         high+24(FP), DX
	MOVQ         SI, DI
	MOVQ         SI, R8
	SUBQ         $8, CX
	JLT          rest
whole:
	VMOVDQU64     (SI), Z0
	VPCMPUQ       $2, Z1, Z0, K2
	KNOTB         K2, K3
	VPCOMPRESSQ.Z Z0, K2, Z2
	VPCOMPRESSQ.Z Z0, K3, Z3
	VMOVDQU64     Z2, (DI)
	VMOVDQU64     Z3, (DX)
	KMOVB         K2, AX
	POPCNTL       AX, AX
	LEAQ          (DI)(AX*8), DI
	NEGQ          AX
	LEAQ          64(DX)(AX*8), DX
	ADDQ          $64, SI
	SUBQ          $8, CX
	JGE           whole
rest:
	ADDQ  $8, CX
	JZ    done
	MOVL  $0xff, BX
	BZHIL CX, BX, AX
	KMOVB AX, K1
	VMOVDQU64.Z   (SI), K1, Z0
	VPCMPUQ       $2, Z1, Z0, K1, K2
	KANDNB        K1, K2, K3
	VPCOMPRESSQ.Z Z0, K2, Z2
	VPCOMPRESSQ.Z Z0, K3, Z3
	KMOVB         K2, AX
	POPCNTL       AX, AX
	BZHIL         AX, BX, R9
	KMOVB         R9, K2
	VMOVDQU64     Z2, K2, (DI)
	LEAQ          (DI)(AX*8), DI
	SUBQ          AX, CX
	BZHIL         CX, BX, R9
	KMOVB         R9, K3
	VMOVDQU64     Z3, K3, (DX)
done:
	SUBQ R8, DI
	SHRQ $3, DI
	MOVQ DI, ret+32(FP)
	VZEROUPPER
	RET

DATA first8<>+0(SB)/8, $0
DATA first8<>+8(SB)/8, $1
DATA first8<>+16(SB)/8, $2
DATA first8<>+24(SB)/8, $3
DATA first8<>+32(SB)/8, $4
DATA first8<>+40(SB)/8, $5
DATA first8<>+48(SB)/8, $6
DATA first8<>+56(SB)/8, $7
GLOBL first8<>(SB), RODATA|NOPTR, $64

// func listKeysAVX512(r *Reach, dist *uint32, spread *float32, n int, keys *uint64)
//
//	Z10 numbers of the next eight lists, Z11 eight, K1 those that there are
TEXT ·listKeysAVX512(SB), NOSPLIT, $0-40
	MOVQ         r+0(FP), BX
	MOVQ         dist+8(FP), SI
	MOVQ         spread+16(FP), DI
	MOVQ         n+24(FP), CX
	MOVQ         keys+32(FP), DX
	VBROADCASTSS (BX), Z5
	VBROADCASTSS 4(BX), Z6
	VBROADCASTSS 8(BX), Z7
	VPXORQ       Z8, Z8, Z8
	MOVL         $0x80000000, AX
	VPBROADCASTD AX, Z9
	VMOVDQU64    first8<>(SB), Z10
	MOVL         $8, AX
	VPBROADCASTQ AX, Z11
	MOVL         $0xffff, AX
lists:
	CMPQ  CX, $16
	JGE   masked
	MOVL  $0xffff, AX
	BZHIL CX, AX, AX
masked:
	KMOVW       AX, K1
	SHRL        $8, AX
	KMOVW       AX, K2
	VMOVDQU32.Z (SI), K1, Z0
	VMOVUPS.Z   (DI), K1, Z1
	VCVTDQ2PS   Z0, Z0
	VMAXPS      Z8, Z0, Z2
	VSQRTPS     Z2, Z2
	VMOVAPS     Z1, Z3
	VFMADD213PS Z5, Z6, Z3 // flat + square * spread
	VFMADD231PS Z2, Z7, Z3 // + root * sqrt
	VFMADD213PS Z0, Z1, Z3 // times spread + dist
	VPSRAD      $31, Z3, Z2
	VPORD       Z9, Z2, Z2
	VPXORD      Z2, Z3, Z3
	VEXTRACTI64X4 $1, Z3, Y2
	VPMOVZXDQ   Y3, Z3
	VPMOVZXDQ   Y2, Z2
	VPSLLQ      $32, Z3, Z3
	VPSLLQ      $32, Z2, Z2
	VPORQ       Z10, Z3, Z3
	VPADDQ      Z11, Z10, Z10
	VPORQ       Z10, Z2, Z2
	VPADDQ      Z11, Z10, Z10
	VMOVDQU64   Z3, K1, (DX)
	VMOVDQU64   Z2, K2, 64(DX)
	MOVL        $0xffff, AX
	ADDQ        $64, SI
	ADDQ        $64, DI
	ADDQ        $128, DX
	SUBQ        $16, CX
	JG          lists
	VZEROUPPER
	RET
