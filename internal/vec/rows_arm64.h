// What the kernels of one query and many rows share, for the assembler's
// #include.

// One query against n rows, four rows at a time, so that each load of the
// query serves four rows and four sums are reduced together. Each row has four
// accumulators. A last group of fewer than four rows repeats the first of them
// in the empty places and stores only what is wanted.
//
//	R0 query        R1 rows          R2 bytes of a row
//	R3 ids or nil   R4 rows to go    R5 out
//	R6 where to begin to prefetch    R7 place in the query
//	R8-R11 places in the four rows   R12, R13 scratch
//	V0-V15 the accumulators          V16-V19 of the query   V20-V25 scratch

// ARGS loads the arguments that all kernels have at the same places; the second
// of the row's, its length, goes to length.
#define ARGS(length) \
	MOVD q+0(FP), R0;       \
	MOVD rows+8(FP), R1;    \
	MOVD length+16(FP), R2; \
	MOVD ids+24(FP), R3;    \
	MOVD n+32(FP), R4;      \
	MOVD out+40(FP), R5;    \
	MOVD warm+48(FP), R6

// FLOATARGS does so for rows of dim elements of 1<<shift bytes, and sets R14 to dim.
#define FLOATARGS(shift) \
	ARGS(dim);    \
	MOVD R2, R14; \
	LSL  $shift, R2, R2

// ROW sets reg to the address of row id, the j-th of the present group.
#define ROW(j, reg) \
	MOVWU (4*j)(R3), reg; \
	MADD  R2, R1, reg, reg

// AHEAD prefetches the j-th row from here, from byte R6 on.
#define AHEAD(j, loop, done) \
	CMP  $j, R4;           \
	BLE  done;             \
	ROW(j, R12);           \
	ADD  R2, R12, R13;     \
	ADD  R6, R12, R12;     \
loop:                          \
	PRFM (R12), PLDL1KEEP; \
	ADD  $64, R12, R12;    \
	CMP  R13, R12;         \
	BLO  loop;             \
done:

// GROUP sets R7 to the query and R8-R11 to the next four rows, and prefetches
// those that follow.
#define GROUP \
	MOVD R0, R7;            \
	CBZ  R3, adjacent;      \
	CMP  R2, R6;            \
	BGE  pointers;          \
	AHEAD(4, ahead4, done4) \
	AHEAD(5, ahead5, done5) \
	AHEAD(6, ahead6, done6) \
	AHEAD(7, ahead7, done7) \
pointers:                       \
	ROW(0, R8);             \
	MOVD R8, R9;            \
	MOVD R8, R10;           \
	MOVD R8, R11;           \
	CMP  $2, R4;            \
	BLT  compute;           \
	ROW(1, R9);             \
	CMP  $3, R4;            \
	BLT  compute;           \
	ROW(2, R10);            \
	CMP  $4, R4;            \
	BLT  compute;           \
	ROW(3, R11);            \
	ADD  $16, R3, R3;       \
	B    compute;           \
adjacent:                       \
	MOVD R1, R8;            \
	MOVD R1, R9;            \
	MOVD R1, R10;           \
	MOVD R1, R11;           \
	CMP  $2, R4;            \
	BLT  compute;           \
	ADD  R2, R8, R9;        \
	CMP  $3, R4;            \
	BLT  compute;           \
	ADD  R2, R9, R10;       \
	CMP  $4, R4;            \
	BLT  compute;           \
	ADD  R2, R10, R11;      \
	ADD  R2, R11, R1;       \
compute:

// ZERO clears the accumulators.
#define ZERO \
	VEOR V0.B16, V0.B16, V0.B16;    \
	VEOR V1.B16, V1.B16, V1.B16;    \
	VEOR V2.B16, V2.B16, V2.B16;    \
	VEOR V3.B16, V3.B16, V3.B16;    \
	VEOR V4.B16, V4.B16, V4.B16;    \
	VEOR V5.B16, V5.B16, V5.B16;    \
	VEOR V6.B16, V6.B16, V6.B16;    \
	VEOR V7.B16, V7.B16, V7.B16;    \
	VEOR V8.B16, V8.B16, V8.B16;    \
	VEOR V9.B16, V9.B16, V9.B16;    \
	VEOR V10.B16, V10.B16, V10.B16; \
	VEOR V11.B16, V11.B16, V11.B16; \
	VEOR V12.B16, V12.B16, V12.B16; \
	VEOR V13.B16, V13.B16, V13.B16; \
	VEOR V14.B16, V14.B16, V14.B16; \
	VEOR V15.B16, V15.B16, V15.B16

// ROW64 adds 64 bytes of a row to its accumulators by OP(query, row, sum).
#define ROW64(OP, reg, s0, s1, s2, s3) \
	VLD1.P 64(reg), [V20.B16, V21.B16, V22.B16, V23.B16]; \
	OP(16, 20, s0);                                       \
	OP(17, 21, s1);                                       \
	OP(18, 22, s2);                                       \
	OP(19, 23, s3)

// ROWS64 adds 64 bytes of each of the four rows.
#define ROWS64(OP) \
	VLD1.P 64(R7), [V16.B16, V17.B16, V18.B16, V19.B16]; \
	ROW64(OP, R8, 0, 1, 2, 3);                           \
	ROW64(OP, R9, 4, 5, 6, 7);                           \
	ROW64(OP, R10, 8, 9, 10, 11);                        \
	ROW64(OP, R11, 12, 13, 14, 15)

// FLOATSUMS adds up the accumulators of each row, floats, into V0.
#define FLOATSUMS \
	FADD(1, 0, 0);    \
	FADD(3, 2, 2);    \
	FADD(5, 4, 4);    \
	FADD(7, 6, 6);    \
	FADD(9, 8, 8);    \
	FADD(11, 10, 10); \
	FADD(13, 12, 12); \
	FADD(15, 14, 14); \
	FADD(2, 0, 0);    \
	FADD(6, 4, 4);    \
	FADD(10, 8, 8);   \
	FADD(14, 12, 12); \
	FADDP(4, 0, 0);   \
	FADDP(12, 8, 8);  \
	FADDP(8, 0, 0)

// PAIRSUMS adds up the first two and the last two accumulators of each row, numbers
// of 32 bits, INTSUMS all of them, into V0.
#define PAIRSUMS \
	VADD V1.S4, V0.S4, V0.S4;    \
	VADD V3.S4, V2.S4, V2.S4;    \
	VADD V5.S4, V4.S4, V4.S4;    \
	VADD V7.S4, V6.S4, V6.S4;    \
	VADD V9.S4, V8.S4, V8.S4;    \
	VADD V11.S4, V10.S4, V10.S4; \
	VADD V13.S4, V12.S4, V12.S4; \
	VADD V15.S4, V14.S4, V14.S4

#define INTSUMS \
	PAIRSUMS;                    \
	VADD V2.S4, V0.S4, V0.S4;    \
	VADD V6.S4, V4.S4, V4.S4;    \
	VADD V10.S4, V8.S4, V8.S4;   \
	VADD V14.S4, V12.S4, V12.S4; \
	FIRSTSUMS

// FIRSTSUMS adds up the first accumulator of each row into V0.
#define FIRSTSUMS \
	VADDP V4.S4, V0.S4, V0.S4;  \
	VADDP V12.S4, V8.S4, V8.S4; \
	VADDP V8.S4, V0.S4, V0.S4

// BYTETAIL adds the last 0 to 63 bytes of the four rows to their first
// accumulators by OP(query, row, sum), 16 a turn, then 8, 4, 2 and 1; the rest of
// such a register is zero and has to add nothing.
#define BYTETAIL(OP) \
	UBFX $4, R2, $2, R12; \
	CBZ  R12, eight;      \
sixteen:                      \
	LOAD(FMOVQ.P, 16);    \
	TAILROWS(OP);         \
	SUBS $1, R12, R12;    \
	BNE  sixteen;         \
eight:                        \
	TBZ  $3, R2, four;    \
	LOAD(FMOVD.P, 8);     \
	TAILROWS(OP);         \
four:                         \
	TBZ  $2, R2, two;     \
	LOAD(FMOVS.P, 4);     \
	TAILROWS(OP);         \
two:                          \
	TBZ  $1, R2, one;     \
	SMALL(MOVHU.P, 2, R7, F16); \
	SMALLROWS(MOVHU.P, 2); \
	TAILROWS(OP);         \
one:                          \
	TBZ  $0, R2, sum;     \
	SMALL(MOVBU, 0, R7, F16); \
	SMALLROWS(MOVBU, 0);  \
	TAILROWS(OP);         \
sum:

// LOAD loads so many bytes of the query to V16 and of each row to V20 to V23, with
// zeros behind them; LOADROWS those of the rows only.
#define LOAD(MOV, bytes) \
	MOV bytes(R7), F16; \
	LOADROWS(MOV, bytes)

#define LOADROWS(MOV, bytes) \
	MOV bytes(R8), F20;  \
	MOV bytes(R9), F21;  \
	MOV bytes(R10), F22; \
	MOV bytes(R11), F23

// SMALLROWS does so with one or two bytes; SMALL is one register of it.
#define SMALLROWS(MOV, bytes) \
	SMALL(MOV, bytes, R8, F20);  \
	SMALL(MOV, bytes, R9, F21);  \
	SMALL(MOV, bytes, R10, F22); \
	SMALL(MOV, bytes, R11, F23)

#define SMALL(MOV, bytes, from, to) \
	MOV   bytes(from), R13; \
	FMOVS R13, to

// TAILROWS adds V20 to V23, of one row each.
#define TAILROWS(OP) \
	OP(16, 20, 0); \
	OP(16, 21, 4); \
	OP(16, 22, 8); \
	OP(16, 23, 12)

// STORE writes the sums of the group, in V0, and goes on with the next one.
#define STORE(next) \
	CMP    $4, R4;          \
	BLT    few;             \
	VST1.P [V0.S4], 16(R5); \
	SUBS   $4, R4, R4;      \
	BNE    next;            \
	RET;                    \
few:                            \
	VST1.P V0.S[0], 4(R5);  \
	CMP    $2, R4;          \
	BLT    end;             \
	VST1.P V0.S[1], 4(R5);  \
	CMP    $3, R4;          \
	BLT    end;             \
	VST1.P V0.S[2], 4(R5);  \
end:                            \
	RET

// GROUPS computes the results of all rows; SUMS leaves those of a group in V0.
#define GROUPS(SUMS) \
group:        \
	GROUP \
	SUMS; \
	STORE(group)

// L2 and IP add one register of floats, of a row or of several, to its sum.
#define L2(q, row, sum) \
	FSUB(row, q, row); \
	FMLA(row, row, sum)

#define IP(q, row, sum) \
	FMLA(row, q, sum)

// SQUAREWORDS and PRODUCTWORDS add squares of bytes without a sign, and products of
// bytes with one, to sum by words, each of which holds any product.
#define SQUAREWORDS(d, sum) \
	UMULL(d, d, 24);  \
	UMULL2(d, d, 25); \
	UADALP(24, sum);  \
	UADALP(25, sum)

#define PRODUCTWORDS(q, row, sum) \
	SMULL(row, q, 24);  \
	SMULL2(row, q, 25); \
	SADALP(24, sum);    \
	SADALP(25, sum)
