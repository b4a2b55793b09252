//go:build amd64 && !purego && !race

#include "textflag.h"

// func addDenseAVX512(sums *uint16, codes *byte, n int, factor uint16)
//
// The upper halves of the products of code<<8 and factor are code*factor>>8.
TEXT ·addDenseAVX512(SB), NOSPLIT, $0-26
	MOVQ         sums+0(FP), DI
	MOVQ         codes+8(FP), SI
	MOVQ         n+16(FP), CX
	MOVWLZX      factor+24(FP), AX
	VPBROADCASTW AX, Z4
	MOVL         $1, AX
	VPBROADCASTW AX, Z5
loop512:
	VPMOVZXBW (SI), Z0
	VPMOVZXBW 32(SI), Z1
	VPMINUW   Z5, Z0, Z2     // 1 for a code
	VPMINUW   Z5, Z1, Z3
	VPSLLW    $8, Z0, Z0
	VPSLLW    $8, Z1, Z1
	VPMULHUW  Z4, Z0, Z0
	VPMULHUW  Z4, Z1, Z1
	VPADDW    (DI), Z2, Z2
	VPADDW    64(DI), Z3, Z3
	VPADDW    Z0, Z2, Z2
	VPADDW    Z1, Z3, Z3
	VMOVDQU16 Z2, (DI)
	VMOVDQU16 Z3, 64(DI)
	ADDQ      $64, SI
	ADDQ      $128, DI
	SUBQ      $64, CX
	JNZ       loop512
	VZEROUPPER
	RET

// func addDenseAVX2(sums *uint16, codes *byte, n int, factor uint16)
TEXT ·addDenseAVX2(SB), NOSPLIT, $0-26
	MOVQ         sums+0(FP), DI
	MOVQ         codes+8(FP), SI
	MOVQ         n+16(FP), CX
	MOVWLZX      factor+24(FP), AX
	VMOVD        AX, X4
	VPBROADCASTW X4, Y4
	MOVL         $1, AX
	VMOVD        AX, X5
	VPBROADCASTW X5, Y5
loop2:
	VPMOVZXBW (SI), Y0
	VPMOVZXBW 16(SI), Y1
	VPMINUW   Y5, Y0, Y2
	VPMINUW   Y5, Y1, Y3
	VPSLLW    $8, Y0, Y0
	VPSLLW    $8, Y1, Y1
	VPMULHUW  Y4, Y0, Y0
	VPMULHUW  Y4, Y1, Y1
	VPADDW    (DI), Y2, Y2
	VPADDW    32(DI), Y3, Y3
	VPADDW    Y0, Y2, Y2
	VPADDW    Y1, Y3, Y3
	VMOVDQU   Y2, (DI)
	VMOVDQU   Y3, 32(DI)
	ADDQ      $32, SI
	ADDQ      $64, DI
	SUBQ      $32, CX
	JNZ       loop2
	VZEROUPPER
	RET

// func takeSumsAVX512(sums *uint16, n int, least uint16, places, values *uint16) int
//
//	BX place of the first of 64 sums, AX those found among them
TEXT ·takeSumsAVX512(SB), NOSPLIT, $0-48
	MOVQ         sums+0(FP), SI
	MOVQ         n+8(FP), CX
	MOVWLZX      least+16(FP), AX
	MOVQ         places+24(FP), DI
	MOVQ         values+32(FP), R9
	MOVQ         DI, R8
	VPBROADCASTW AX, Z4
	VPXORQ       Z5, Z5, Z5
	XORL         BX, BX
sums512:
	VMOVDQU16 (SI)(BX*2), Z0
	VMOVDQU16 64(SI)(BX*2), Z1
	VPCMPUW   $5, Z4, Z0, K1
	VPCMPUW   $5, Z4, Z1, K2
	KUNPCKDQ  K1, K2, K3
	KMOVQ     K3, AX
	TESTQ     AX, AX
	JZ        sums512next
sums512one:
	TZCNTQ    AX, DX
	BLSRQ     AX, AX
	ADDQ      BX, DX
	MOVW      DX, (DI)
	MOVWLZX   (SI)(DX*2), R10
	MOVW      R10, (R9)
	ADDQ      $2, DI
	ADDQ      $2, R9
	TESTQ     AX, AX
	JNZ       sums512one
sums512next:
	VMOVDQU16 Z5, (SI)(BX*2)
	VMOVDQU16 Z5, 64(SI)(BX*2)
	ADDQ      $64, BX
	CMPQ      BX, CX
	JLT       sums512
	SUBQ      R8, DI
	SHRQ      $1, DI
	MOVQ      DI, ret+40(FP)
	VZEROUPPER
	RET

// func takeSumsAVX2(sums *uint16, n int, least uint16, places, values *uint16) int
//
// A sum is at least least where the larger of the two is the sum. Packing 32
// comparisons takes halves of 128 bits by turns, which VPERMQ puts in order.
TEXT ·takeSumsAVX2(SB), NOSPLIT, $0-48
	MOVQ         sums+0(FP), SI
	MOVQ         n+8(FP), CX
	MOVWLZX      least+16(FP), AX
	MOVQ         places+24(FP), DI
	MOVQ         values+32(FP), R9
	MOVQ         DI, R8
	VMOVD        AX, X4
	VPBROADCASTW X4, Y4
	VPXOR        Y5, Y5, Y5
	XORL         BX, BX
sums2:
	VMOVDQU   (SI)(BX*2), Y0
	VMOVDQU   32(SI)(BX*2), Y1
	VPMAXUW   Y4, Y0, Y2
	VPMAXUW   Y4, Y1, Y3
	VPCMPEQW  Y2, Y0, Y0
	VPCMPEQW  Y3, Y1, Y1
	VPACKSSWB Y1, Y0, Y0
	VPERMQ    $0xd8, Y0, Y0
	VPMOVMSKB Y0, AX
	TESTL     AX, AX
	JZ        sums2next
sums2one:
	TZCNTL    AX, DX
	BLSRL     AX, AX
	ADDQ      BX, DX
	MOVW      DX, (DI)
	MOVWLZX   (SI)(DX*2), R10
	MOVW      R10, (R9)
	ADDQ      $2, DI
	ADDQ      $2, R9
	TESTL     AX, AX
	JNZ       sums2one
sums2next:
	VMOVDQU   Y5, (SI)(BX*2)
	VMOVDQU   Y5, 32(SI)(BX*2)
	ADDQ      $32, BX
	CMPQ      BX, CX
	JLT       sums2
	SUBQ      R8, DI
	SHRQ      $1, DI
	MOVQ      DI, ret+40(FP)
	VZEROUPPER
	RET

// func codesFromAVX512(codes *byte, n int, least byte, out *uint16) int
TEXT ·codesFromAVX512(SB), NOSPLIT, $0-40
	MOVQ         codes+0(FP), SI
	MOVQ         n+8(FP), CX
	MOVBLZX      least+16(FP), AX
	MOVQ         out+24(FP), DI
	MOVQ         DI, R8
	VPBROADCASTB AX, Z4
	XORL         BX, BX
codes512:
	VMOVDQU8 (SI)(BX*1), Z0
	VPCMPUB  $5, Z4, Z0, K1
	KMOVQ    K1, AX
	TESTQ    AX, AX
	JZ       codes512next
codes512one:
	TZCNTQ   AX, DX
	BLSRQ    AX, AX
	ADDQ     BX, DX
	MOVW     DX, (DI)
	ADDQ     $2, DI
	TESTQ    AX, AX
	JNZ      codes512one
codes512next:
	ADDQ     $64, BX
	CMPQ     BX, CX
	JLT      codes512
	SUBQ     R8, DI
	SHRQ     $1, DI
	MOVQ     DI, ret+32(FP)
	VZEROUPPER
	RET

// func codesFromAVX2(codes *byte, n int, least byte, out *uint16) int
TEXT ·codesFromAVX2(SB), NOSPLIT, $0-40
	MOVQ         codes+0(FP), SI
	MOVQ         n+8(FP), CX
	MOVBLZX      least+16(FP), AX
	MOVQ         out+24(FP), DI
	MOVQ         DI, R8
	VMOVD        AX, X4
	VPBROADCASTB X4, Y4
	XORL         BX, BX
codes2:
	VMOVDQU   (SI)(BX*1), Y0
	VPMAXUB   Y4, Y0, Y1
	VPCMPEQB  Y1, Y0, Y0
	VPMOVMSKB Y0, AX
	TESTL     AX, AX
	JZ        codes2next
codes2one:
	TZCNTL    AX, DX
	BLSRL     AX, AX
	ADDQ      BX, DX
	MOVW      DX, (DI)
	ADDQ      $2, DI
	TESTL     AX, AX
	JNZ       codes2one
codes2next:
	ADDQ      $32, BX
	CMPQ      BX, CX
	JLT       codes2
	SUBQ      R8, DI
	SHRQ      $1, DI
	MOVQ      DI, ret+32(FP)
	VZEROUPPER
	RET
