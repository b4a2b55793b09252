//go:build amd64 && !purego && !race

#include "textflag.h"

// inf is eight times +Inf, numbers are those of the first 16 lanes, sixteen is
// what a step adds to them.
DATA inf<>+0(SB)/4, $0x7f800000
GLOBL inf<>(SB), RODATA|NOPTR, $4
DATA sixteen<>+0(SB)/4, $16
GLOBL sixteen<>(SB), RODATA|NOPTR, $4
DATA numbers<>+0(SB)/8, $0x0000000100000000
DATA numbers<>+8(SB)/8, $0x0000000300000002
DATA numbers<>+16(SB)/8, $0x0000000500000004
DATA numbers<>+24(SB)/8, $0x0000000700000006
DATA numbers<>+32(SB)/8, $0x0000000900000008
DATA numbers<>+40(SB)/8, $0x0000000b0000000a
DATA numbers<>+48(SB)/8, $0x0000000d0000000c
DATA numbers<>+56(SB)/8, $0x0000000f0000000e
GLOBL numbers<>(SB), RODATA|NOPTR, $64

// Both go through the vectors in steps of 16, two registers: SI p, DX its
// length, DI cols, R8 bytes from element to element, R10 bytes of the first
// whole vectors, BX offset of the step.

// func nearestWhole(p *float32, dim int, cols *float32, n, whole int, least *[16]float32, number *[16]uint32)
TEXT ·nearestWhole(SB), NOSPLIT, $0-56
	MOVQ         p+0(FP), SI
	MOVQ         dim+8(FP), DX
	MOVQ         cols+16(FP), DI
	MOVQ         n+24(FP), R8
	MOVQ         whole+32(FP), R10
	SHLQ         $2, R8
	SHLQ         $2, R10
	VBROADCASTSS inf<>(SB), Y0
	VMOVAPS      Y0, Y1
	VPXOR        Y2, Y2, Y2
	VPXOR        Y3, Y3, Y3
	VMOVDQU      numbers<>+0(SB), Y4
	VMOVDQU      numbers<>+32(SB), Y5
	VPBROADCASTD sixteen<>(SB), Y6
	XORQ         BX, BX
step:
	VXORPS Y7, Y7, Y7
	VXORPS Y8, Y8, Y8
	LEAQ   (DI)(BX*1), R9
	XORQ   AX, AX
element:
	VBROADCASTSS (SI)(AX*4), Y9
	VSUBPS       (R9), Y9, Y10
	VSUBPS       32(R9), Y9, Y11
	VFMADD231PS  Y10, Y10, Y7
	VFMADD231PS  Y11, Y11, Y8
	ADDQ         R8, R9
	INCQ         AX
	CMPQ         AX, DX
	JLT          element

	VCMPPS    $1, Y0, Y7, Y9  // Y7 < Y0
	VCMPPS    $1, Y1, Y8, Y10 // Y8 < Y1
	VBLENDVPS Y9, Y7, Y0, Y0
	VBLENDVPS Y10, Y8, Y1, Y1
	VBLENDVPS Y9, Y4, Y2, Y2
	VBLENDVPS Y10, Y5, Y3, Y3
	VPADDD    Y6, Y4, Y4
	VPADDD    Y6, Y5, Y5
	ADDQ      $64, BX
	CMPQ      BX, R10
	JLT       step
	MOVQ      least+40(FP), AX
	VMOVUPS   Y0, (AX)
	VMOVUPS   Y1, 32(AX)
	MOVQ      number+48(FP), AX
	VMOVDQU   Y2, (AX)
	VMOVDQU   Y3, 32(AX)
	VZEROUPPER
	RET

// func ipColumnsWhole(p *float32, dim int, cols *float32, n, whole int, out *float32)
TEXT ·ipColumnsWhole(SB), NOSPLIT, $0-48
	MOVQ p+0(FP), SI
	MOVQ dim+8(FP), DX
	MOVQ cols+16(FP), DI
	MOVQ n+24(FP), R8
	MOVQ whole+32(FP), R10
	MOVQ out+40(FP), R13
	SHLQ $2, R8
	SHLQ $2, R10
	XORQ BX, BX
step:
	VXORPS Y7, Y7, Y7
	VXORPS Y8, Y8, Y8
	LEAQ   (DI)(BX*1), R9
	XORQ   AX, AX
element:
	VBROADCASTSS (SI)(AX*4), Y9
	VFMADD231PS  (R9), Y9, Y7
	VFMADD231PS  32(R9), Y9, Y8
	ADDQ         R8, R9
	INCQ         AX
	CMPQ         AX, DX
	JLT          element
	VMOVUPS Y7, (R13)(BX*1)
	VMOVUPS Y8, 32(R13)(BX*1)
	ADDQ    $64, BX
	CMPQ    BX, R10
	JLT     step
	VZEROUPPER
	RET
