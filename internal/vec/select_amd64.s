//go:build amd64 && !purego && !race

#include "textflag.h"

// places has the numbers of the bits of a word.
DATA places<>+0(SB)/8, $0x0706050403020100
DATA places<>+8(SB)/8, $0x0f0e0d0c0b0a0908
DATA places<>+16(SB)/8, $0x1716151413121110
DATA places<>+24(SB)/8, $0x1f1e1d1c1b1a1918
DATA places<>+32(SB)/8, $0x2726252423222120
DATA places<>+40(SB)/8, $0x2f2e2d2c2b2a2928
DATA places<>+48(SB)/8, $0x3736353433323130
DATA places<>+56(SB)/8, $0x3f3e3d3c3b3a3938
GLOBL places<>(SB), RODATA|NOPTR, $64

// eight has the first bits of eight words.
DATA eight<>+0(SB)/8, $0x0000004000000000
DATA eight<>+8(SB)/8, $0x000000c000000080
DATA eight<>+16(SB)/8, $0x0000014000000100
DATA eight<>+24(SB)/8, $0x000001c000000180
GLOBL eight<>(SB), RODATA|NOPTR, $32

// EMIT writes 16 numbers: those of the bits in 16 bytes of Z3.
#define EMIT(part, offset) \
	VEXTRACTI32X4 $part, Z3, X5; \
	VPMOVZXBD     X5, Z4;        \
	VPADDD        Z2, Z4, Z4;    \
	VMOVDQU32     Z4, offset(DI)

// func clearBitsVBMI2(words *uint64, n int, first uint32, out *uint32, room int) (count, done int)
//
// Words are turned over, and those that have bits then are put side by side, up to
// 32, with the number of their first bit: no branch depends on which these are.
// Of each one VPCOMPRESSB leaves the numbers of the bits that are set; 16 of them
// are written, and the rest when there are more.
//
//	SI words   CX words left   DI out   R13 the last place to begin a word at
//	R8 words put aside         R9 those of them that are done
//	Y30 first bits of the next eight words
TEXT ·clearBitsVBMI2(SB), NOSPLIT, $384-56
	MOVQ         words+0(FP), SI
	MOVQ         n+8(FP), CX
	MOVQ         out+24(FP), DI
	MOVQ         room+32(FP), DX
	LEAQ         -256(DI)(DX*4), R13
	VPTERNLOGQ   $0xff, Z28, Z28, Z28
	VMOVDQU64    places<>(SB), Z31
	MOVL         first+16(FP), AX
	VPBROADCASTD AX, Y30
	VPADDD       eight<>(SB), Y30, Y30
	MOVL         $512, AX
	VPBROADCASTD AX, Y29
gather:
	XORQ R8, R8
more:
	MOVL  $0xff, AX
	CMPQ  CX, $8
	JGE   load
	BZHIL CX, AX, AX
load:
	KMOVB         AX, K1
	VMOVDQU64.Z   (SI), K1, Z0
	VPANDNQ       Z28, Z0, Z0
	VPTESTMQ      Z0, Z0, K1, K2
	VPCOMPRESSQ.Z Z0, K2, Z1
	VPCOMPRESSD.Z Y30, K2, Y2
	VMOVDQU64     Z1, live-256(SP)(R8*8)
	VMOVDQU32     Y2, at-384(SP)(R8*4)
	VPADDD        Y29, Y30, Y30
	KMOVB         K2, AX
	POPCNTL       AX, AX
	ADDQ          AX, R8
	ADDQ          $64, SI
	SUBQ          $8, CX
	JLE           emit
	CMPQ          R8, $24
	JLE           more
emit:
	XORQ R9, R9
word:
	CMPQ         R9, R8
	JGE          next
	CMPQ         DI, R13
	JHI          full
	MOVQ         live-256(SP)(R9*8), R10
	VPBROADCASTD at-384(SP)(R9*4), Z2
	KMOVQ        R10, K3
	VPCOMPRESSB.Z Z31, K3, Z3
	VPMOVZXBD    X3, Z4
	VPADDD       Z2, Z4, Z4
	VMOVDQU32    Z4, (DI)
	INCQ         R9
	POPCNTQ      R10, R11
	CMPQ         R11, $16
	JHI          many
	LEAQ         (DI)(R11*4), DI
	JMP          word
many:
	EMIT(1, 64)
	EMIT(2, 128)
	EMIT(3, 192)
	LEAQ (DI)(R11*4), DI
	JMP  word
next:
	TESTQ CX, CX
	JGT   gather
	MOVQ  n+8(FP), AX
	JMP   end
full:
	MOVL at-384(SP)(R9*4), AX
	SUBL first+16(FP), AX
	SHRQ $6, AX
end:
	MOVQ AX, done+48(FP)
	SUBQ out+24(FP), DI
	SHRQ $2, DI
	MOVQ DI, count+40(FP)
	VZEROUPPER
	RET

// func atMostAVX512(ids, dist *uint32, n int, bound uint32, outIDs, outDist *uint32) int
//
// No more is written than was read, so that the outputs may be the inputs.
TEXT ·atMostAVX512(SB), NOSPLIT, $0-56
	MOVQ         ids+0(FP), SI
	MOVQ         dist+8(FP), DX
	MOVQ         n+16(FP), CX
	MOVL         bound+24(FP), AX
	VPBROADCASTD AX, Z7
	MOVQ         outIDs+32(FP), DI
	MOVQ         outDist+40(FP), R8
	XORQ         R9, R9
	MOVL         $-1, R11
sixteen:
	MOVL  $0xffff, AX
	CMPQ  CX, $16
	JGE   load
	BZHIL CX, AX, AX
load:
	KMOVW         AX, K1
	VMOVDQU32.Z   (DX), K1, Z0
	VMOVDQU32.Z   (SI), K1, Z1
	VPCMPUD       $2, Z7, Z0, K1, K2 // not above bound
	KMOVW         K2, AX
	POPCNTL       AX, AX
	BZHIL         AX, R11, R10
	KMOVW         R10, K3
	VPCOMPRESSD.Z Z0, K2, Z0
	VPCOMPRESSD.Z Z1, K2, Z1
	VMOVDQU32     Z0, K3, (R8)(R9*4)
	VMOVDQU32     Z1, K3, (DI)(R9*4)
	ADDQ          AX, R9
	ADDQ          $64, DX
	ADDQ          $64, SI
	SUBQ          $16, CX
	JGT           sixteen
	MOVQ          R9, ret+48(FP)
	VZEROUPPER
	RET

// func maxIDAVX512(ids *uint32, n int) uint32
TEXT ·maxIDAVX512(SB), NOSPLIT, $0-20
	MOVQ   ids+0(FP), SI
	MOVQ   n+8(FP), CX
	VPXORD Z0, Z0, Z0
	VPXORD Z1, Z1, Z1
	SUBQ   $32, CX
	JLT    rest
two:
	VPMAXUD (SI), Z0, Z0
	VPMAXUD 64(SI), Z1, Z1
	ADDQ    $128, SI
	SUBQ    $32, CX
	JGE     two
rest:
	ADDQ        $32, CX
	MOVQ        $-1, AX
	BZHIQ       CX, AX, AX
	KMOVW       AX, K1
	SHRQ        $16, AX
	KMOVW       AX, K2
	VMOVDQU32.Z (SI), K1, Z2
	VMOVDQU32.Z 64(SI), K2, Z3
	VPMAXUD     Z2, Z0, Z0
	VPMAXUD     Z3, Z1, Z1
	VPMAXUD     Z1, Z0, Z0
	VEXTRACTI64X4 $1, Z0, Y1
	VPMAXUD     Y1, Y0, Y0
	VEXTRACTI128 $1, Y0, X1
	VPMAXUD     X1, X0, X0
	VPSHUFD     $0x4e, X0, X1
	VPMAXUD     X1, X0, X0
	VPSHUFD     $0xb1, X0, X1
	VPMAXUD     X1, X0, X0
	VMOVD       X0, AX
	MOVL        AX, ret+16(FP)
	VZEROUPPER
	RET
