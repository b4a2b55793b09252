//go:build amd64 && !purego && !race

#include "textflag.h"
#include "rows_amd64.h"
#include "ints_amd64.h"

// Bits set in what an operation makes of a query and each row, counted exactly
// and stored as float32. Rows have any number of bytes; DX is where whole
// registers end, K1 the bytes of the last, partial one.

// What a register of a row is made with that of the query, q: rows of 512 and of
// 256 bits.
#define XOR512(row, q, t)  VPXORQ row, q, t
#define AND512(row, q, t)  VPANDQ row, q, t
#define LESS512(row, q, t) VPANDNQ row, q, t
#define XOR256(row, q, t)  VPXOR row, q, t
#define AND256(row, q, t)  VPAND row, q, t
#define LESS256(row, q, t) VPANDN row, q, t

// POPCNT adds the bits of each 64 of t to sum.
#define POPCNT(t, u, sum) \
	VPOPCNTQ t, t; \
	VPADDQ   t, sum, sum

// NIBBLES512 and NIBBLES256 do the same by looking up the halves of each byte (W.
// Muła, N. Kurz and D. Lemire, "Faster population counts using AVX2
// instructions", The Computer Journal 2018, section 3): register 20 or 12 has
// the counts of 0 to 15, 21 or 13 has 15 in each byte, 22 or 14 is zero.
#define NIBBLES512(t, u, sum) \
	VPANDQ  t, Z21, u; \
	VPSRLW  $4, t, t;  \
	VPANDQ  t, Z21, t; \
	VPSHUFB u, Z20, u; \
	VPSHUFB t, Z20, t; \
	VPADDB  t, u, t;   \
	VPSADBW Z22, t, t; \
	VPADDQ  t, sum, sum

#define NIBBLES256(t, u, sum) \
	VPAND   t, Y13, u; \
	VPSRLW  $4, t, t;  \
	VPAND   t, Y13, t; \
	VPSHUFB u, Y12, u; \
	VPSHUFB t, Y12, t; \
	VPADDB  t, u, t;   \
	VPSADBW Y14, t, t; \
	VPADDQ  t, sum, sum

// BITS adds a register of a row to its sum.
#define BITS(OP, COUNT, row, q, t, u, sum) \
	OP(row, q, t); \
	COUNT(t, u, sum)

// SOON prefetches adjacent rows that begin less than 8 KiB behind the present one, of
// those that are asked for, unless warm is 0; R14 is the line that comes next, four are
// a step. A group of short rows takes less time than the memory to answer, and what
// the processor looks ahead by itself is fewer lines than the memory gives at a time.
// It leaves in R15 what GROUP has to prefetch: with ids, what lies behind warm.
#define SOON(warm, loop, done) \
	TESTQ      BX, BX;        \
	JNZ        done;          \
	CMPQ       warm, $0;      \
	JEQ        done;          \
	CMPQ       R12, $2048;    \
	JHI        done;          \
	MOVQ       CX, AX;        \
	IMULQ      R12, AX;       \
	ADDQ       DI, AX;        \
	LEAQ       8192(DI), R15; \
	CMPQ       AX, R15;       \
	CMOVQCS    AX, R15;       \
	CMPQ       R14, R15;      \
	JCC        done;          \
loop:                             \
	PREFETCHT0 (R14);         \
	PREFETCHT0 64(R14);       \
	PREFETCHT0 128(R14);      \
	PREFETCHT0 192(R14);      \
	ADDQ       $256, R14;     \
	CMPQ       R14, R15;      \
	JCS        loop;          \
done:                             \
	XORL       AX, AX;        \
	MOVQ       warm, R15;     \
	TESTQ      BX, BX;        \
	CMOVQEQ    AX, R15

// BITGROUPS is GROUPS with SOON.
#define BITGROUPS(SUMS) \
group: \
	SOON(warm+48(FP), soon, enough); \
	GROUP(R15); \
	SUMS; \
	STORE(group)

// BITS512 counts for four rows, 64 bytes a turn. No count reaches 2^32, so those
// of two rows share a sum of 64 bits; then they are laid side by side and added.
#define BITS512(OP, COUNT) \
	VPXOR Y0, Y0, Y0; \
	VPXOR Y1, Y1, Y1; \
	VPXOR Y2, Y2, Y2; \
	VPXOR Y3, Y3, Y3; \
one: \
	CMPQ AX, DX; \
	JGE  tail; \
	VMOVDQU64 (SI)(AX*1), Z8; \
	BITS(OP, COUNT, (R8)(AX*1), Z8, Z10, Z14, Z0); \
	BITS(OP, COUNT, (R9)(AX*1), Z8, Z11, Z15, Z1); \
	BITS(OP, COUNT, (R10)(AX*1), Z8, Z12, Z16, Z2); \
	BITS(OP, COUNT, (R11)(AX*1), Z8, Z13, Z17, Z3); \
	ADDQ $64, AX; \
	JMP  one; \
tail: \
	CMPQ AX, R12; \
	JGE  sum; \
	VMOVDQU8.Z (SI)(AX*1), K1, Z8; \
	VMOVDQU8.Z (R8)(AX*1), K1, Z10; \
	VMOVDQU8.Z (R9)(AX*1), K1, Z11; \
	VMOVDQU8.Z (R10)(AX*1), K1, Z12; \
	VMOVDQU8.Z (R11)(AX*1), K1, Z13; \
	BITS(OP, COUNT, Z10, Z8, Z10, Z14, Z0); \
	BITS(OP, COUNT, Z11, Z8, Z11, Z15, Z1); \
	BITS(OP, COUNT, Z12, Z8, Z12, Z16, Z2); \
	BITS(OP, COUNT, Z13, Z8, Z13, Z17, Z3); \
sum: \
	VPSLLQ        $32, Z1, Z1; \
	VPSLLQ        $32, Z3, Z3; \
	VPORQ         Z1, Z0, Z0;  \
	VPORQ         Z3, Z2, Z2;  \
	VPUNPCKLQDQ   Z2, Z0, Z1;  \
	VPUNPCKHQDQ   Z2, Z0, Z3;  \
	VPADDD        Z3, Z1, Z0;  \
	VEXTRACTI64X4 $1, Z0, Y1;  \
	VPADDD        Y1, Y0, Y0;  \
	VEXTRACTI128  $1, Y0, X1;  \
	VPADDD        X1, X0, X0;  \
	VCVTDQ2PS     X0, X0

// BITSARGS512 loads the arguments.
#define BITSARGS512 \
	BYTEMASK512; \
	POINTERS; \
	MOVQ DI, R14

// counts has the number of bits set in 0 to 15, twice.
DATA counts<>+0(SB)/8, $0x0302020102010100
DATA counts<>+8(SB)/8, $0x0403030203020201
DATA counts<>+16(SB)/8, $0x0302020102010100
DATA counts<>+24(SB)/8, $0x0403030203020201
GLOBL counts<>(SB), RODATA|NOPTR, $32

// TABLE512 and TABLE256 set the registers of NIBBLES512 and NIBBLES256.
#define TABLE512 \
	VBROADCASTI64X4 counts<>(SB), Z20; \
	MOVL            $0x0f0f0f0f, AX;   \
	VPBROADCASTD    AX, Z21;           \
	VPXORQ          Z22, Z22, Z22

#define TABLE256 \
	VMOVDQU      counts<>(SB), Y12; \
	MOVL         $0x0f0f0f0f, AX;   \
	VMOVD        AX, X13;           \
	VPBROADCASTD X13, Y13;          \
	VPXOR        Y14, Y14, Y14

// func xorBitsPOPCNT(q, rows *byte, stride int, ids *uint32, n int, out *float32, warm int)
TEXT ·xorBitsPOPCNT(SB), NOSPLIT, $0-56
	BITSARGS512
	BITGROUPS(BITS512(XOR512, POPCNT))

// func andBitsPOPCNT(q, rows *byte, stride int, ids *uint32, n int, out *float32, warm int)
TEXT ·andBitsPOPCNT(SB), NOSPLIT, $0-56
	BITSARGS512
	BITGROUPS(BITS512(AND512, POPCNT))

// func lessBitsPOPCNT(q, rows *byte, stride int, ids *uint32, n int, out *float32, warm int)
TEXT ·lessBitsPOPCNT(SB), NOSPLIT, $0-56
	BITSARGS512
	BITGROUPS(BITS512(LESS512, POPCNT))

// func xorBitsAVX512(q, rows *byte, stride int, ids *uint32, n int, out *float32, warm int)
TEXT ·xorBitsAVX512(SB), NOSPLIT, $0-56
	TABLE512
	BITSARGS512
	BITGROUPS(BITS512(XOR512, NIBBLES512))

// func andBitsAVX512(q, rows *byte, stride int, ids *uint32, n int, out *float32, warm int)
TEXT ·andBitsAVX512(SB), NOSPLIT, $0-56
	TABLE512
	BITSARGS512
	BITGROUPS(BITS512(AND512, NIBBLES512))

// func lessBitsAVX512(q, rows *byte, stride int, ids *uint32, n int, out *float32, warm int)
TEXT ·lessBitsAVX512(SB), NOSPLIT, $0-56
	TABLE512
	BITSARGS512
	BITGROUPS(BITS512(LESS512, NIBBLES512))

// BITS256 counts for four rows, 32 bytes a turn, and 16 at the end, up to the
// last 16 whole ones. The upper half of a register whose lower one is written
// becomes zero.
#define BITS256(OP) \
	VPXOR Y0, Y0, Y0; \
	VPXOR Y1, Y1, Y1; \
	VPXOR Y2, Y2, Y2; \
	VPXOR Y3, Y3, Y3; \
one: \
	CMPQ AX, DX; \
	JGE  half; \
	VMOVDQU (SI)(AX*1), Y8; \
	BITS(OP, NIBBLES256, (R8)(AX*1), Y8, Y4, Y5, Y0); \
	BITS(OP, NIBBLES256, (R9)(AX*1), Y8, Y6, Y7, Y1); \
	BITS(OP, NIBBLES256, (R10)(AX*1), Y8, Y4, Y5, Y2); \
	BITS(OP, NIBBLES256, (R11)(AX*1), Y8, Y6, Y7, Y3); \
	ADDQ $32, AX; \
	JMP  one; \
half: \
	LEAQ 16(AX), R15; \
	CMPQ R15, R12; \
	JGT  sum; \
	VMOVDQU (SI)(AX*1), X8; \
	OP((R8)(AX*1), X8, X4); \
	OP((R9)(AX*1), X8, X6); \
	NIBBLES256(Y4, Y5, Y0); \
	NIBBLES256(Y6, Y7, Y1); \
	OP((R10)(AX*1), X8, X4); \
	OP((R11)(AX*1), X8, X6); \
	NIBBLES256(Y4, Y5, Y2); \
	NIBBLES256(Y6, Y7, Y3); \
sum: \
	VPSLLQ       $32, Y1, Y1; \
	VPSLLQ       $32, Y3, Y3; \
	VPOR         Y1, Y0, Y0;  \
	VPOR         Y3, Y2, Y2;  \
	VPUNPCKLQDQ  Y2, Y0, Y1;  \
	VPUNPCKHQDQ  Y2, Y0, Y3;  \
	VPADDD       Y3, Y1, Y0;  \
	VEXTRACTI128 $1, Y0, X1;  \
	VPADDD       X1, X0, X0;  \
	VCVTDQ2PS    X0, X0

// BITSARGS256 loads the arguments.
#define BITSARGS256 \
	TABLE256; \
	MOVQ stride+16(FP), R12; \
	MOVQ R12, DX; \
	ANDQ $~31, DX; \
	POINTERS; \
	MOVQ DI, R14

// func xorBitsAVX2(q, rows *byte, stride int, ids *uint32, n int, out *float32, warm int)
TEXT ·xorBitsAVX2(SB), NOSPLIT, $0-56
	BITSARGS256
	BITGROUPS(BITS256(XOR256))

// func andBitsAVX2(q, rows *byte, stride int, ids *uint32, n int, out *float32, warm int)
TEXT ·andBitsAVX2(SB), NOSPLIT, $0-56
	BITSARGS256
	BITGROUPS(BITS256(AND256))

// func lessBitsAVX2(q, rows *byte, stride int, ids *uint32, n int, out *float32, warm int)
TEXT ·lessBitsAVX2(SB), NOSPLIT, $0-56
	BITSARGS256
	BITGROUPS(BITS256(LESS256))

// func matchAVX2(out *float32, n int, want float32)
TEXT ·matchAVX2(SB), NOSPLIT, $0-20
	MOVQ         out+0(FP), DI
	MOVQ         n+8(FP), CX
	VBROADCASTSS want+16(FP), Y0
	MOVL         $0x7f800000, AX // +Inf
	VMOVD        AX, X1
	VPBROADCASTD X1, Y1
counted:
	VCMPPS  $4, (DI), Y0, Y2 // all ones where they differ
	VANDPS  Y1, Y2, Y2
	VMOVUPS Y2, (DI)
	ADDQ    $32, DI
	SUBQ    $8, CX
	JNZ     counted
	VZEROUPPER
	RET

// places puts the counts of 16 rows in order, see SHORT.
DATA places<>+0(SB)/8, $0x0000000400000000
DATA places<>+8(SB)/8, $0x0000000c00000008
DATA places<>+16(SB)/8, $0x0000000500000001
DATA places<>+24(SB)/8, $0x0000000d00000009
DATA places<>+32(SB)/8, $0x0000000600000002
DATA places<>+40(SB)/8, $0x0000000e0000000a
DATA places<>+48(SB)/8, $0x0000000700000003
DATA places<>+56(SB)/8, $0x0000000f0000000b
GLOBL places<>(SB), RODATA|NOPTR, $64

// SHORT counts for 16 adjacent rows of 16 bytes, four in each of Z0 to Z3. A row
// has two counts, which are packed to words and added by a product with ones (Z10);
// then each 128 bits have a row of Z0, Z1, Z2 and Z3.
#define SHORT(OP) \
	OP((DI), Z8, Z0);       \
	OP(64(DI), Z8, Z1);     \
	OP(128(DI), Z8, Z2);    \
	OP(192(DI), Z8, Z3);    \
	VPOPCNTQ   Z0, Z0;      \
	VPOPCNTQ   Z1, Z1;      \
	VPOPCNTQ   Z2, Z2;      \
	VPOPCNTQ   Z3, Z3;      \
	VPACKUSDW  Z1, Z0, Z0;  \
	VPACKUSDW  Z3, Z2, Z2;  \
	VPACKUSDW  Z2, Z0, Z0;  \
	VPMADDWD   Z10, Z0, Z0; \
	VPERMD     Z0, Z9, Z0;  \
	VCVTDQ2PS  Z0, Z0;      \
	VMOVUPS    Z0, (R13);   \
	ADDQ       $256, DI;    \
	ADDQ       $64, R13;    \
	SUBQ       $16, CX

// SHORTARGS loads the arguments of rows of 16 bytes.
#define SHORTARGS \
	MOVQ            q+0(FP), AX; \
	VBROADCASTI32X4 (AX), Z8; \
	VMOVDQU64       places<>(SB), Z9; \
	MOVL            $0x10001, AX; \
	VPBROADCASTD    AX, Z10; \
	MOVQ            rows+8(FP), DI; \
	MOVQ            n+16(FP), CX; \
	MOVQ            out+24(FP), R13

// func xorBits16POPCNT(q, rows *byte, n int, out *float32)
TEXT ·xorBits16POPCNT(SB), NOSPLIT, $0-32
	SHORTARGS
rows16:
	SHORT(XOR512)
	JNZ rows16
	VZEROUPPER
	RET

// func andBits16POPCNT(q, rows *byte, n int, out *float32)
TEXT ·andBits16POPCNT(SB), NOSPLIT, $0-32
	SHORTARGS
rows16:
	SHORT(AND512)
	JNZ rows16
	VZEROUPPER
	RET

// func lessBits16POPCNT(q, rows *byte, n int, out *float32)
TEXT ·lessBits16POPCNT(SB), NOSPLIT, $0-32
	SHORTARGS
rows16:
	SHORT(LESS512)
	JNZ rows16
	VZEROUPPER
	RET
