// What the kernels of one query and many rows share, for the assembler's
// #include.

// One query against n rows, four rows at a time, so that each load of the
// query serves four rows and four sums are reduced together. Each row has two
// accumulators. A last group of fewer than four rows repeats the first of them
// in the empty places and stores only what is wanted.
//
//	SI query        DI rows          R12 bytes of a row
//	BX ids or nil   CX rows to go    R13 out
//	R8-R11 the four rows             AX offset in a row
//	DX offset where whole registers end
//	R15 scratch     warm(FP) where to begin to prefetch

// POINTERS loads the arguments that all kernels have at the same places. Those
// that use CX for others load them first.
#define POINTERS \
	MOVQ q+0(FP), SI;    \
	MOVQ rows+8(FP), DI; \
	MOVQ ids+24(FP), BX; \
	MOVQ n+32(FP), CX;   \
	MOVQ out+40(FP), R13

// ROW sets reg to the address of row id, the j-th of the present group.
#define ROW(j, reg) \
	MOVL  (4*j)(BX), reg; \
	IMULQ R12, reg;       \
	ADDQ  DI, reg

// AHEAD prefetches the j-th row from here, from byte R15 on. It uses AX and
// leaves R15 as it was.
#define AHEAD(j, loop, done) \
	CMPQ CX, $j;               \
	JLE  done;                 \
	ROW(j, AX);                \
	LEAQ (AX)(R12*1), R8;      \
	ADDQ R15, AX;              \
loop:                         \
	PREFETCHT0 (AX);           \
	ADDQ $64, AX;              \
	CMPQ AX, R8;               \
	JLT  loop;                 \
done:

// STREAM prefetches, of adjacent rows, as many bytes as four have, from R15 bytes
// ahead on. It uses AX and R15, and reads up to three lines more.
#define STREAM \
	LEAQ       (DI)(R15*1), AX;  \
	LEAQ       (AX)(R12*4), R15; \
stream:                         \
	PREFETCHT0 (AX);             \
	PREFETCHT0 64(AX);           \
	PREFETCHT0 128(AX);          \
	PREFETCHT0 192(AX);          \
	ADDQ       $256, AX;         \
	CMPQ       AX, R15;          \
	JLT        stream

// GROUP sets R8-R11 to the next four rows and prefetches those that follow: with ids
// from byte warm of each on, of adjacent ones what lies warm bytes ahead, or nothing
// if warm is 0.
#define GROUP(warm) \
	MOVQ  warm, R15;             \
	TESTQ BX, BX;                \
	JZ    adjacent;              \
	CMPQ  R15, R12;              \
	JGE   pointers;              \
	AHEAD(4, ahead4, done4)      \
	AHEAD(5, ahead5, done5)      \
	AHEAD(6, ahead6, done6)      \
	AHEAD(7, ahead7, done7)      \
pointers:                       \
	ROW(0, R8);                  \
	MOVQ  R8, R9;                \
	MOVQ  R8, R10;               \
	MOVQ  R8, R11;               \
	CMPQ  CX, $2;                \
	JLT   compute;               \
	ROW(1, R9);                  \
	CMPQ  CX, $3;                \
	JLT   compute;               \
	ROW(2, R10);                 \
	CMPQ  CX, $4;                \
	JLT   compute;               \
	ROW(3, R11);                 \
	ADDQ  $16, BX;               \
	JMP   compute;               \
adjacent:                       \
	TESTQ R15, R15;              \
	JZ    cold;                  \
	STREAM;                      \
cold:                           \
	MOVQ  DI, R8;                \
	MOVQ  DI, R9;                \
	MOVQ  DI, R10;               \
	MOVQ  DI, R11;               \
	CMPQ  CX, $2;                \
	JLT   compute;               \
	ADDQ  R12, R9;               \
	CMPQ  CX, $3;                \
	JLT   compute;               \
	LEAQ  (R9)(R12*1), R10;      \
	CMPQ  CX, $4;                \
	JLT   compute;               \
	LEAQ  (R10)(R12*1), R11;     \
	LEAQ  (R11)(R12*1), DI;      \
compute:                        \
	XORQ  AX, AX

// FAR sets R14 to the row behind the group, for FETCH, and to zero where there is
// none, or with ids.
#define FAR \
	XORL  R14, R14;           \
	TESTQ BX, BX;             \
	JNZ   near;               \
	CMPQ  CX, $4;             \
	JLE   near;               \
	LEAQ  (R8)(R12*4), R14;   \
near:

// FETCH prefetches, of adjacent rows, a line of the next group for each that is
// computed, one after the other as the memory likes it best. Kernels that compute
// more than they load do not look far enough ahead without. With ids GROUP has
// prefetched.
#define FETCH(lines, over) \
	TESTQ      R14, R14;  \
	JZ         over;      \
	PREFETCHT0 (R14);     \
	PREFETCHT0 64(R14);   \
	lines;                \
over:

// FOUR, TWO and SIXTEEN are the lines for a turn of 64, 32 and 256 bytes of each row.
#define FOUR \
	PREFETCHT0 128(R14);  \
	PREFETCHT0 192(R14);  \
	ADDQ       $256, R14

#define TWO \
	ADDQ $128, R14

#define SIXTEEN \
	PREFETCHT0 128(R14);  \
	PREFETCHT0 192(R14);  \
	PREFETCHT0 256(R14);  \
	PREFETCHT0 320(R14);  \
	PREFETCHT0 384(R14);  \
	PREFETCHT0 448(R14);  \
	PREFETCHT0 512(R14);  \
	PREFETCHT0 576(R14);  \
	PREFETCHT0 640(R14);  \
	PREFETCHT0 704(R14);  \
	PREFETCHT0 768(R14);  \
	PREFETCHT0 832(R14);  \
	PREFETCHT0 896(R14);  \
	PREFETCHT0 960(R14);  \
	ADDQ       $1024, R14

// STORE writes the sums of the group and goes on with the next one.
#define STORE(next) \
	CMPQ       CX, $4;           \
	JLT        few;              \
	VMOVUPS    X0, (R13);        \
	ADDQ       $16, R13;         \
	SUBQ       $4, CX;           \
	JNZ        next;             \
	JMP        end;              \
few:                            \
	VMOVSS     X0, (R13);        \
	CMPQ       CX, $2;           \
	JLT        end;              \
	VEXTRACTPS $1, X0, 4(R13);   \
	CMPQ       CX, $3;           \
	JLT        end;              \
	VEXTRACTPS $2, X0, 8(R13);   \
end:                            \
	VZEROUPPER;                  \
	RET

// GROUPS computes the results of all rows; SUMS leaves those of a group in X0.
#define GROUPS(SUMS) \
group:                          \
	GROUP(warm+48(FP)); \
	SUMS;               \
	STORE(group)

// What the kernels of floating-point rows share.

// MASK512 sets R12 and DX for rows of dim elements of 1<<shift bytes, each of
// which takes a lane of a float, and K1 to the lanes of the last, partial register.
#define MASK512(shift) \
	MOVQ  dim+16(FP), DX; \
	MOVQ  DX, CX;         \
	ANDQ  $15, CX;        \
	MOVL  $1, AX;         \
	SHLL  CX, AX;         \
	DECL  AX;             \
	KMOVW AX, K1;         \
	MOVQ  DX, R12;        \
	SHLQ  $shift, R12;    \
	ANDQ  $~15, DX;       \
	SHLQ  $shift, DX

// SUM512 adds up the lanes of Z0, Z1, Z2 and Z3 into the four lanes of X0: two
// rows, then four, are laid side by side in each 128 bits, which are then added.
// It uses Z8 to Z11.
#define SUM512 \
	VUNPCKLPS     Z1, Z0, Z8;   \
	VUNPCKHPS     Z1, Z0, Z9;   \
	VUNPCKLPS     Z3, Z2, Z10;  \
	VUNPCKHPS     Z3, Z2, Z11;  \
	VADDPS        Z9, Z8, Z8;   \
	VADDPS        Z11, Z10, Z10; \
	VUNPCKLPD     Z10, Z8, Z9;  \
	VUNPCKHPD     Z10, Z8, Z11; \
	VADDPS        Z11, Z9, Z0;  \
	VEXTRACTF64X4 $1, Z0, Y1;   \
	VADDPS        Y1, Y0, Y0;   \
	VEXTRACTF128  $1, Y0, X1;   \
	VADDPS        X1, X0, X0

// SUM4 adds up the lanes of Y0, Y1, Y2 and Y3 into the four lanes of X0.
#define SUM4 \
	VHADDPS      Y1, Y0, Y0; \
	VHADDPS      Y3, Y2, Y2; \
	VHADDPS      Y2, Y0, Y0; \
	VEXTRACTF128 $1, Y0, X1; \
	VADDPS       X1, X0, X0

// L2 and IP add one register of a row to its sum.
#define L2(row, q, t, sum) \
	VSUBPS      row, q, t; \
	VFMADD231PS t, t, sum

#define IP(row, q, t, sum) \
	VFMADD231PS row, q, sum
