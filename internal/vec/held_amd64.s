//go:build amd64 && !purego && !race

#include "textflag.h"

// Whether adjacent rows of bits hold a query, or it them: 0 if nothing of the one is
// missing in the other, else +Inf. What a call costs is to wait for the memory, and the
// more of the next call the processor sees meanwhile, the less. So there are few
// instructions: VPTERNLOG takes a register of a row in one, and sixteen rows get their
// results together. And there is one mask in that: processors have names for so few
// masks in flight that one for each row stops them within a call.

// What VPTERNLOG does with a sum, the query and a row: it adds to the bits of the sum
// those that the row lacks, or those that it has beyond the query.
#define LACKS 0xf4
#define BEYOND 0xf2

// ROWS8 does this, by WHOLE for 64 bytes of each of eight rows, by PART for the words of
// 32 bits that K1 has. row is the first one's address, R12 the bytes of a row, R9, R10
// and R11 those of 3, 5 and 7; Z31 has the query's. Zero sums take no unit of the
// processor, and wait for nothing.
#define WHOLE(T, row, sum) \
	VPTERNLOGD $T, row, Z31, sum

#define PART(T, row, sum) \
	VPTERNLOGD $T, row, Z31, K1, sum

#define ROWS8(OP, T, row, s0, s1, s2, s3, s4, s5, s6, s7) \
	OP(T, (row), s0);         \
	OP(T, (row)(R12*1), s1);  \
	OP(T, (row)(R12*2), s2);  \
	OP(T, (row)(R9*1), s3);   \
	OP(T, (row)(R12*4), s4);  \
	OP(T, (row)(R10*1), s5);  \
	OP(T, (row)(R9*2), s6);   \
	OP(T, (row)(R11*1), s7)

// PACK makes a byte of each word of 32 bits of a, b, c and d, in a, zero if and only if
// that is: packing saturates. In each 128 bits a word has the bytes of one of the four.
#define PACK(a, b, c, d) \
	VPACKSSDW b, a, a; \
	VPACKSSDW d, c, c; \
	VPACKSSWB c, a, a

// HALVES and PAIRS put together what a row has in two lanes of 128 bits: of a lane and
// the next but one, then of neighbours, each of a, then of b, in a.
#define HALVES(a, b, t) \
	VSHUFI64X2 $0x44, b, a, t; \
	VSHUFI64X2 $0xee, b, a, a; \
	VPORQ      t, a, a

#define PAIRS(a, b, t) \
	VSHUFI64X2 $0x88, b, a, t; \
	VSHUFI64X2 $0xdd, b, a, a; \
	VPORQ      t, a, a

#define CLEAR(a, b, c, d) \
	VPXORD a, a, a; \
	VPXORD b, b, b; \
	VPXORD c, c, c; \
	VPXORD d, d, d

// SOON prefetches what lies less than 8 KiB behind the present rows, as far as BX, their
// end; there it is none of rows so long that a turn has more than that. R15 is the line
// that comes next, four are a step.
#define SOON \
	LEAQ       8192(DI), AX; \
	CMPQ       AX, BX;       \
	CMOVQHI    BX, AX;       \
	CMPQ       R15, AX;      \
	JCC        enough;       \
soon: \
	PREFETCHT0 (R15);        \
	PREFETCHT0 64(R15);      \
	PREFETCHT0 128(R15);     \
	PREFETCHT0 192(R15);     \
	ADDQ       $256, R15;    \
	CMPQ       R15, AX;      \
	JCS        soon;         \
enough:

// RESULTS stores those of 16 rows, and goes on with the next ones, if any.
#define RESULTS(next) \
	VPTESTMD    Z0, Z0, K2;          \
	VMOVDQA32.Z Z30, K2, Z0;         \
	VMOVDQU64   Z0, (R13);           \
	ADDQ        $64, R13;            \
	SUBQ        $16, CX;             \
	JNZ         next;                \
	VZEROUPPER;                      \
	RET

// HELD computes the results for rows of any number of words of 32 bits: SI query, DI rows,
// DX offset where whole registers end, AX offset, CX rows to go, R13 out, Z30 +Inf.
#define HELD(T) \
	MOVQ         q+0(FP), SI;        \
	MOVQ         rows+8(FP), DI;     \
	MOVQ         stride+16(FP), R12; \
	MOVQ         R12, CX;            \
	SHRQ         $2, CX;             \
	ANDQ         $15, CX;            \
	MOVL         $1, AX;             \
	SHLL         CX, AX;             \
	DECL         AX;                 \
	KMOVW        AX, K1;             \
	MOVQ         R12, DX;            \
	ANDQ         $~63, DX;           \
	MOVQ         n+24(FP), CX;       \
	MOVQ         out+32(FP), R13;    \
	LEAQ         (R12)(R12*2), R9;   \
	LEAQ         (R12)(R12*4), R10;  \
	LEAQ         (R9)(R12*4), R11;   \
	MOVL         $0x7f800000, AX;    \
	VPBROADCASTD AX, Z30;            \
	MOVQ         CX, BX;             \
	IMULQ        R12, BX;            \
	ADDQ         DI, BX;             \
	CMPQ         R12, $512;          \
	CMOVQHI      DI, BX;             \
	MOVQ         DI, R15;            \
group: \
	SOON;                            \
	CLEAR(Y0, Y1, Y2, Y3);           \
	CLEAR(Y4, Y5, Y6, Y7);           \
	CLEAR(Y8, Y9, Y10, Y11);         \
	CLEAR(Y12, Y13, Y14, Y15);       \
	MOVQ         DI, R8;             \
	LEAQ         (DI)(R12*8), R14;   \
	LEAQ         (R14)(R12*8), DI;   \
	XORL         AX, AX;             \
	TESTQ        DX, DX;             \
	JZ           tail;               \
whole: \
	VMOVDQU64    (SI)(AX*1), Z31;    \
	ROWS8(WHOLE, T, R8, Z0, Z1, Z2, Z3, Z4, Z5, Z6, Z7); \
	ROWS8(WHOLE, T, R14, Z8, Z9, Z10, Z11, Z12, Z13, Z14, Z15); \
	ADDQ         $64, AX;            \
	ADDQ         $64, R8;            \
	ADDQ         $64, R14;           \
	CMPQ         AX, DX;             \
	JLT          whole;              \
	CMPQ         AX, R12;            \
	JGE          pack;               \
tail: \
	VMOVDQU32.Z  (SI)(AX*1), K1, Z31; \
	ROWS8(PART, T, R8, Z0, Z1, Z2, Z3, Z4, Z5, Z6, Z7); \
	ROWS8(PART, T, R14, Z8, Z9, Z10, Z11, Z12, Z13, Z14, Z15); \
pack: \
	PACK(Z0, Z1, Z2, Z3);            \
	PACK(Z4, Z5, Z6, Z7);            \
	PACK(Z8, Z9, Z10, Z11);          \
	PACK(Z12, Z13, Z14, Z15);        \
	HALVES(Z0, Z4, Z1);              \
	HALVES(Z8, Z12, Z9);             \
	PAIRS(Z0, Z8, Z1);               \
	RESULTS(group)

// order puts 16 rows of 16 bytes in order, behind PACK.
DATA order<>+0(SB)/8, $0x0000000400000000
DATA order<>+8(SB)/8, $0x0000000c00000008
DATA order<>+16(SB)/8, $0x0000000500000001
DATA order<>+24(SB)/8, $0x0000000d00000009
DATA order<>+32(SB)/8, $0x0000000600000002
DATA order<>+40(SB)/8, $0x0000000e0000000a
DATA order<>+48(SB)/8, $0x0000000700000003
DATA order<>+56(SB)/8, $0x0000000f0000000b
GLOBL order<>(SB), RODATA|NOPTR, $64

// HELD16 does the same for rows of 16 bytes, four a register.
#define HELD16(T) \
	MOVQ            q+0(FP), AX;     \
	MOVQ            rows+8(FP), DI;  \
	MOVQ            n+16(FP), CX;    \
	MOVQ            out+24(FP), R13; \
	VBROADCASTI32X4 (AX), Z31;       \
	VMOVDQU64       order<>(SB), Z29; \
	MOVL            $0x7f800000, AX; \
	VPBROADCASTD    AX, Z30;         \
group: \
	CLEAR(Y0, Y1, Y2, Y3);           \
	WHOLE(T, (DI), Z0);              \
	WHOLE(T, 64(DI), Z1);            \
	WHOLE(T, 128(DI), Z2);           \
	WHOLE(T, 192(DI), Z3);           \
	ADDQ            $256, DI;        \
	PACK(Z0, Z1, Z2, Z3);            \
	VPERMD          Z0, Z29, Z0;     \
	RESULTS(group)

// func rowsHoldAVX512(q, rows *byte, stride, n int, out *float32)
TEXT ·rowsHoldAVX512(SB), NOSPLIT, $0-40
	HELD(LACKS)

// func holdsRowsAVX512(q, rows *byte, stride, n int, out *float32)
TEXT ·holdsRowsAVX512(SB), NOSPLIT, $0-40
	HELD(BEYOND)

// func rowsHold16AVX512(q, rows *byte, n int, out *float32)
TEXT ·rowsHold16AVX512(SB), NOSPLIT, $0-32
	HELD16(LACKS)

// func holdsRows16AVX512(q, rows *byte, n int, out *float32)
TEXT ·holdsRows16AVX512(SB), NOSPLIT, $0-32
	HELD16(BEYOND)
