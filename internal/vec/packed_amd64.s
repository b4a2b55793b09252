//go:build amd64 && !purego && !race

#include "textflag.h"
#include "rows_amd64.h"
#include "ints_amd64.h"

// Distances of codes of 4 and 6 bits (see Packing). AX is the offset in a row,
// DX that in the query. Accumulators are 0 to 3 for the products of query and
// codes of the four rows, 4 to 7 for more of them (IP) or for the squares of the
// codes (L2).

DATA fours<>+0(SB)/8, $0x0f0f0f0f0f0f0f0f
DATA fours<>+8(SB)/8, $0x3030303030303030
DATA fours<>+16(SB)/8, $0x0001000100010001
GLOBL fours<>(SB), RODATA|NOPTR, $24

// shifts bring the high two bits to their place: to the left for the first half
// of a block, to the right for the second.
DATA shifts<>+0(SB)/8, $0x0004000400040004
DATA shifts<>+8(SB)/8, $0x0004000400040004
DATA shifts<>+16(SB)/8, $0x0004000400040004
DATA shifts<>+24(SB)/8, $0x0004000400040004
DATA shifts<>+32(SB)/8, $0x0002000200020002
DATA shifts<>+40(SB)/8, $0x0002000200020002
DATA shifts<>+48(SB)/8, $0x0002000200020002
DATA shifts<>+56(SB)/8, $0x0002000200020002
DATA shifts<>+64(SB)/8, $0x0000000000000000
DATA shifts<>+72(SB)/8, $0x0000000000000000
DATA shifts<>+80(SB)/8, $0x0000000000000000
DATA shifts<>+88(SB)/8, $0x0000000000000000
DATA shifts<>+96(SB)/8, $0x0002000200020002
DATA shifts<>+104(SB)/8, $0x0002000200020002
DATA shifts<>+112(SB)/8, $0x0002000200020002
DATA shifts<>+120(SB)/8, $0x0002000200020002
GLOBL shifts<>(SB), RODATA|NOPTR, $128

// ARGS loads the arguments, ARGS512 and ARGS256 the constants, too: into registers
// 13 to 15, and with 512 bits 18 to 22.
#define ARGS \
	MOVQ stride+16(FP), R12; \
	POINTERS

#define ARGS512 \
	ARGS; \
	VPBROADCASTQ fours<>+0(SB), Z14; \
	VPBROADCASTQ fours<>+8(SB), Z15; \
	VPBROADCASTQ fours<>+16(SB), Z13; \
	VMOVDQU64 shifts<>+0(SB), Z18; \
	VMOVDQU64 shifts<>+64(SB), Z19; \
	VPBROADCASTD base+56(FP), Z20; \
	VPBROADCASTD a+60(FP), Z21; \
	VPBROADCASTD b+64(FP), Z22

#define ARGS256 \
	ARGS; \
	VPBROADCASTQ fours<>+0(SB), Y14; \
	VPBROADCASTQ fours<>+8(SB), Y15; \
	VPBROADCASTQ fours<>+16(SB), Y13

// ZERO begins a group of rows.
#define ZERO \
	XORQ DX, DX; \
	CLEAR

// IPEND and L2END make the four results of the accumulators in X0.
#define IPEND512 \
	FOLD512; \
	VPMULLD X21, X0, X0; \
	VPADDD  X20, X0, X0

#define L2END512 \
	VPMULLD Z21, Z0, Z0; \
	VPMULLD Z21, Z1, Z1; \
	VPMULLD Z21, Z2, Z2; \
	VPMULLD Z21, Z3, Z3; \
	VPMULLD Z22, Z4, Z4; \
	VPMULLD Z22, Z5, Z5; \
	VPMULLD Z22, Z6, Z6; \
	VPMULLD Z22, Z7, Z7; \
	FOLD512; \
	VPADDD X20, X0, X0

#define BASE256 \
	VPBROADCASTD base+56(FP), X8; \
	VPADDD       X8, X0, X0

#define IPEND256 \
	FOLD256; \
	VPBROADCASTD a+60(FP), X8; \
	VPMULLD      X8, X0, X0; \
	BASE256

#define L2END256 \
	VPBROADCASTD a+60(FP), Y8; \
	VPBROADCASTD b+64(FP), Y9; \
	VPMULLD Y8, Y0, Y0; \
	VPMULLD Y8, Y1, Y1; \
	VPMULLD Y8, Y2, Y2; \
	VPMULLD Y8, Y3, Y3; \
	VPMULLD Y9, Y4, Y4; \
	VPMULLD Y9, Y5, Y5; \
	VPMULLD Y9, Y6, Y6; \
	VPMULLD Y9, Y7, Y7; \
	FOLD256; \
	BASE256

// These DOTs add to sum the products of bytes with a sign and bytes without one, in
// fours; t is scratch. No pair of products reaches 2^15.
#define BYTESVNNI(signed, unsigned, t, sum) \
	VPDPBUSD signed, unsigned, sum

#define BYTES512(signed, unsigned, t, sum) \
	VPMADDUBSW signed, unsigned, t; \
	VPMADDWD   Z13, t, t; \
	VPADDD     t, sum, sum

#define BYTES256(signed, unsigned, t, sum) \
	VPMADDUBSW signed, unsigned, t; \
	VPMADDWD   Y13, t, t; \
	VPADDD     t, sum, sum

// IPOF and L2OF take two registers of codes, lo and hi, of which the query's bytes
// are in qlo and qhi.
#define IPOF(DOT, qlo, qhi, lo, hi, t, s, u) \
	DOT(qlo, lo, t, s); \
	DOT(qhi, hi, t, u)

#define L2OF(DOT, qlo, qhi, lo, hi, t, s, u) \
	DOT(lo, qlo, t, s); \
	DOT(hi, qhi, t, s); \
	DOT(lo, lo, t, u); \
	DOT(hi, hi, t, u)

// FOUR512 sets Z10 and Z11 to the low four bits of the codes of a block at row.
#define FOUR512(row) \
	VMOVDQU64 (row)(AX*1), Z11; \
	VPANDQ    Z14, Z11, Z10; \
	VPSRLW    $4, Z11, Z11; \
	VPANDQ    Z14, Z11, Z11

// SIX512 is FOUR512 with the high two bits.
#define SIX512(row) \
	FOUR512(row); \
	VBROADCASTI64X4 64(row)(AX*1), Z12; \
	VPSLLVW Z18, Z12, Z16; \
	VPANDQ  Z15, Z16, Z16; \
	VPORQ   Z16, Z10, Z10; \
	VPSRLVW Z19, Z12, Z12; \
	VPANDQ  Z15, Z12, Z12; \
	VPORQ   Z12, Z11, Z11

// BLOCKS512 adds up all blocks of four rows, each of size bytes.
#define BLOCKS512(UNPACK, size, OP, DOT) \
	ZERO; \
loop: \
	VMOVDQU64 (SI)(DX*1), Z8; \
	VMOVDQU64 64(SI)(DX*1), Z9; \
	UNPACK(R8); \
	OP(DOT, Z8, Z9, Z10, Z11, Z12, Z0, Z4); \
	UNPACK(R9); \
	OP(DOT, Z8, Z9, Z10, Z11, Z12, Z1, Z5); \
	UNPACK(R10); \
	OP(DOT, Z8, Z9, Z10, Z11, Z12, Z2, Z6); \
	UNPACK(R11); \
	OP(DOT, Z8, Z9, Z10, Z11, Z12, Z3, Z7); \
	ADDQ $128, DX; \
	ADDQ $size, AX; \
	CMPQ AX, R12; \
	JLT  loop

// FOUR256 sets Y10 and Y11 to the low four bits of the codes whose bytes are at
// offset of a block: elements offset + j and 64 + offset + j.
#define FOUR256(row, offset) \
	VMOVDQU offset(row)(AX*1), Y11; \
	VPAND   Y14, Y11, Y10; \
	VPSRLW  $4, Y11, Y11; \
	VPAND   Y14, Y11, Y11

// LEFT256 and RIGHT256 add the high two bits, for offsets 0 and 32.
#define LEFT256(row) \
	FOUR256(row, 0); \
	VMOVDQU 64(row)(AX*1), Y12; \
	VPSLLW  $4, Y12, Y9; \
	VPAND   Y15, Y9, Y9; \
	VPOR    Y9, Y10, Y10; \
	VPAND   Y15, Y12, Y12; \
	VPOR    Y12, Y11, Y11

#define RIGHT256(row) \
	FOUR256(row, 32); \
	VMOVDQU 64(row)(AX*1), Y12; \
	VPSLLW  $2, Y12, Y9; \
	VPAND   Y15, Y9, Y9; \
	VPOR    Y9, Y10, Y10; \
	VPSRLW  $2, Y12, Y12; \
	VPAND   Y15, Y12, Y12; \
	VPOR    Y12, Y11, Y11

#define LEFT4(row) FOUR256(row, 0)
#define RIGHT4(row) FOUR256(row, 32)

// HALF256 adds up half a block of one row, whose query bytes are at offset.
#define HALF256(UNPACK, row, offset, OP, s, u) \
	UNPACK(row); \
	VMOVDQU offset(SI)(DX*1), Y8; \
	VMOVDQU (64+offset)(SI)(DX*1), Y9; \
	OP(BYTES256, Y8, Y9, Y10, Y11, Y12, s, u)

#define BLOCKS256(LEFT, RIGHT, size, OP) \
	ZERO; \
loop: \
	HALF256(LEFT, R8, 0, OP, Y0, Y4); \
	HALF256(LEFT, R9, 0, OP, Y1, Y5); \
	HALF256(LEFT, R10, 0, OP, Y2, Y6); \
	HALF256(LEFT, R11, 0, OP, Y3, Y7); \
	HALF256(RIGHT, R8, 32, OP, Y0, Y4); \
	HALF256(RIGHT, R9, 32, OP, Y1, Y5); \
	HALF256(RIGHT, R10, 32, OP, Y2, Y6); \
	HALF256(RIGHT, R11, 32, OP, Y3, Y7); \
	ADDQ $128, DX; \
	ADDQ $size, AX; \
	CMPQ AX, R12; \
	JLT  loop

// func l2Packed4VNNI(q, rows *byte, stride int, ids *uint32, n int, out *uint32, warm int, base, a, b uint32)
TEXT ·l2Packed4VNNI(SB), NOSPLIT, $0-68
	ARGS512
	GROUPS(BLOCKS512(FOUR512, 64, L2OF, BYTESVNNI); L2END512)

// func l2Packed4AVX512(q, rows *byte, stride int, ids *uint32, n int, out *uint32, warm int, base, a, b uint32)
TEXT ·l2Packed4AVX512(SB), NOSPLIT, $0-68
	ARGS512
	GROUPS(BLOCKS512(FOUR512, 64, L2OF, BYTES512); L2END512)

// func l2Packed4AVX2(q, rows *byte, stride int, ids *uint32, n int, out *uint32, warm int, base, a, b uint32)
TEXT ·l2Packed4AVX2(SB), NOSPLIT, $0-68
	ARGS256
	GROUPS(BLOCKS256(LEFT4, RIGHT4, 64, L2OF); L2END256)

// func ipPacked4VNNI(q, rows *byte, stride int, ids *uint32, n int, out *uint32, warm int, base, a, b uint32)
TEXT ·ipPacked4VNNI(SB), NOSPLIT, $0-68
	ARGS512
	GROUPS(BLOCKS512(FOUR512, 64, IPOF, BYTESVNNI); IPEND512)

// func ipPacked4AVX512(q, rows *byte, stride int, ids *uint32, n int, out *uint32, warm int, base, a, b uint32)
TEXT ·ipPacked4AVX512(SB), NOSPLIT, $0-68
	ARGS512
	GROUPS(BLOCKS512(FOUR512, 64, IPOF, BYTES512); IPEND512)

// func ipPacked4AVX2(q, rows *byte, stride int, ids *uint32, n int, out *uint32, warm int, base, a, b uint32)
TEXT ·ipPacked4AVX2(SB), NOSPLIT, $0-68
	ARGS256
	GROUPS(BLOCKS256(LEFT4, RIGHT4, 64, IPOF); IPEND256)

// func l2Packed6VNNI(q, rows *byte, stride int, ids *uint32, n int, out *uint32, warm int, base, a, b uint32)
TEXT ·l2Packed6VNNI(SB), NOSPLIT, $0-68
	ARGS512
	GROUPS(BLOCKS512(SIX512, 96, L2OF, BYTESVNNI); L2END512)

// func l2Packed6AVX512(q, rows *byte, stride int, ids *uint32, n int, out *uint32, warm int, base, a, b uint32)
TEXT ·l2Packed6AVX512(SB), NOSPLIT, $0-68
	ARGS512
	GROUPS(BLOCKS512(SIX512, 96, L2OF, BYTES512); L2END512)

// func l2Packed6AVX2(q, rows *byte, stride int, ids *uint32, n int, out *uint32, warm int, base, a, b uint32)
TEXT ·l2Packed6AVX2(SB), NOSPLIT, $0-68
	ARGS256
	GROUPS(BLOCKS256(LEFT256, RIGHT256, 96, L2OF); L2END256)

// func ipPacked6VNNI(q, rows *byte, stride int, ids *uint32, n int, out *uint32, warm int, base, a, b uint32)
TEXT ·ipPacked6VNNI(SB), NOSPLIT, $0-68
	ARGS512
	GROUPS(BLOCKS512(SIX512, 96, IPOF, BYTESVNNI); IPEND512)

// func ipPacked6AVX512(q, rows *byte, stride int, ids *uint32, n int, out *uint32, warm int, base, a, b uint32)
TEXT ·ipPacked6AVX512(SB), NOSPLIT, $0-68
	ARGS512
	GROUPS(BLOCKS512(SIX512, 96, IPOF, BYTES512); IPEND512)

// func ipPacked6AVX2(q, rows *byte, stride int, ids *uint32, n int, out *uint32, warm int, base, a, b uint32)
TEXT ·ipPacked6AVX2(SB), NOSPLIT, $0-68
	ARGS256
	GROUPS(BLOCKS256(LEFT256, RIGHT256, 96, IPOF); IPEND256)
