//go:build amd64 && !purego && !race

#include "textflag.h"
#include "go_asm.h"
#include "rows_amd64.h"
#include "ints_amd64.h"
#include "codes_amd64.h"
#include "walk_amd64.h"
#include "pool_amd64.h"

// WALK is beamInGo's loop over the fields of beamState, until the walk is done or
// the steps or the room are used up. SUMS leaves the distances of four rows in X0.
//
// A step chooses the first candidate that is not expanded, follows the list of the
// one chosen the step before, and compares the rows that the step before found: what
// a step reads was asked for one step, or longer, ago. The registers of its parts are
// those of VISIT, of GROUP and of OFFER; R15 has the state in between.
#define WALK(SUMS)                           \
	MOVL         $1, AX;                     \
	VPBROADCASTQ AX, Z16;                    \
	MOVQ         s+0(FP), R15;               \
	VPBROADCASTD beamState_base(R15), X15;   \
step:                                        \
	MOVQ beamState_steps(R15), AX;           \
	DECQ AX;                                 \
	JLT  end;                                \
	MOVQ beamState_at(R15), R11;             \
	CMPQ R11, beamState_room(R15);           \
	JGT  end;                                \
	MOVQ AX, beamState_steps(R15);           \
	MOVQ beamState_log(R15), R8;             \
	LEAQ (R8)(R11*4), R8;                    \
	MOVQ R8, R11;                            \
	MOVQ R8, R12;                            \
	MOVQ beamState_held(R15), SI;            \
	MOVQ $0, beamState_held(R15);            \
	MOVQ beamState_pool(R15), DI;            \
	MOVQ beamState_n(R15), DX;               \
	MOVQ beamState_cur(R15), BX;             \
	ANDQ $~7, BX;                            \
find:                                        \
	CMPQ      BX, DX;                        \
	JGE       none;                          \
	VMOVDQU64 (DI)(BX*8), Z0;                \
	VPTESTNMQ Z16, Z0, K1;                   \
	KMOVB     K1, AX;                        \
	TESTL     AX, AX;                        \
	JNZ       found;                         \
	ADDQ      $8, BX;                        \
	JMP       find;                          \
found:                                       \
	TZCNTL     AX, CX;                       \
	ADDQ       BX, CX;                       \
	CMPQ       CX, DX;                       \
	JGE        none;                         \
	MOVQ       CX, beamState_cur(R15);       \
	BLSIL      AX, AX;                       \
	KMOVB      AX, K2;                       \
	MOVL       (DI)(CX*8), AX;               \
	VPORQ      Z16, Z0, K2, Z0;              \
	VMOVDQU64  Z0, (DI)(BX*8);               \
	SHRL       $1, AX;                       \
	IMULQ      beamState_stride(R15), AX;    \
	ADDQ       beamState_lists(R15), AX;     \
	MOVQ       AX, beamState_held(R15);      \
	PREFETCHT0 (AX);                         \
	PREFETCHT0 64(AX);                       \
	TESTQ      SI, SI;                       \
	JZ         visited;                      \
follow:                                      \
	MOVQ         beamState_visited(R15), DI; \
	MOVQ         beamState_degree(R15), R9;  \
	VPBROADCASTD beamState_rows(R15), Z3;    \
	VPBROADCASTD X16, Z4;                    \
	VISIT(APPENDED, CODES)                   \
	MOVQ         beamState_pending(R15), R9; \
	TESTQ        R9, R9;                     \
	JNZ          compare;                    \
	JMP          advance;                    \
none:                                        \
	TESTQ SI, SI;                            \
	JNZ   follow;                            \
	MOVQ  beamState_pending(R15), R9;        \
	TESTQ R9, R9;                            \
	JNZ   compare;                           \
	MOVQ  $1, beamState_done(R15);           \
	JMP   end;                               \
compare:                                     \
	MOVQ R12, next-136(SP);                  \
	MOVQ R9, CX;                             \
	MOVQ beamState_log(R15), BX;             \
	MOVQ beamState_from(R15), AX;            \
	LEAQ (BX)(AX*4), BX;                     \
	MOVQ beamState_query(R15), SI;           \
	MOVQ beamState_codes(R15), DI;           \
	MOVQ beamState_size(R15), R12;           \
	MOVQ beamState_dist(R15), R13;           \
	MOVQ beamState_warm(R15), R15;           \
group:                                       \
	CMPQ R15, R12;                           \
	JGE  four;                               \
	AHEAD(4, ahead4, done4)                  \
	AHEAD(5, ahead5, done5)                  \
	AHEAD(6, ahead6, done6)                  \
	AHEAD(7, ahead7, done7)                  \
four:                                        \
	ROW(0, R8);                              \
	ROW(1, R9);                              \
	ROW(2, R10);                             \
	ROW(3, R11);                             \
	CMPQ    CX, $2;                          \
	CMOVQLT R8, R9;                          \
	CMPQ    CX, $3;                          \
	CMOVQLT R8, R10;                         \
	CMPQ    CX, $4;                          \
	CMOVQLT R8, R11;                         \
	XORL    AX, AX;                          \
	MOVQ    R15, DX;                         \
	SUMS;                                    \
	MOVQ    DX, R15;                         \
	VMOVDQU X0, (R13);                       \
	ADDQ    $16, R13;                        \
	ADDQ    $16, BX;                         \
	SUBQ    $4, CX;                          \
	JGT     group;                           \
	MOVQ    s+0(FP), R15;                    \
	MOVQ    beamState_pool(R15), DI;         \
	MOVQ    beamState_n(R15), CX;            \
	MOVQ    beamState_limit(R15), DX;        \
	MOVQ    beamState_dist(R15), SI;         \
	MOVQ    beamState_log(R15), R8;          \
	MOVQ    beamState_from(R15), AX;         \
	LEAQ    (R8)(AX*4), R8;                  \
	MOVQ    beamState_pending(R15), R9;      \
	MOVQ    beamState_lists(R15), R10;       \
	MOVQ    beamState_stride(R15), R11;      \
	OFFER                                    \
	MOVQ    CX, beamState_n(R15);            \
	MOVQ    beamState_cur(R15), AX;          \
	CMPQ    R13, AX;                         \
	CMOVQLT R13, AX;                         \
	MOVQ    AX, beamState_cur(R15);          \
	MOVQ    next-136(SP), R12;               \
advance:                                     \
	MOVQ beamState_at(R15), AX;              \
	MOVQ AX, beamState_from(R15);            \
	SUBQ beamState_log(R15), R12;            \
	SHRQ $2, R12;                            \
	MOVQ R12, beamState_at(R15);             \
	SUBQ AX, R12;                            \
	MOVQ R12, beamState_pending(R15);        \
	JMP  step;                               \
end:                                         \
	VZEROUPPER;                              \
	RET

// APPENDED writes sixteen ids, for which beamState_room leaves room.
#define APPENDED \
	VMOVDQU32 Z1, (R11)

#define CODES                      \
	MOVQ beamState_codes(R15), SI; \
	MOVQ beamState_size(R15), BX;  \
	MOVQ beamState_warm(R15), DX

#define LESS \
	VPSUBD X0, X15, X0

// func beamL2VNNI(s *beamState)
TEXT ·beamL2VNNI(SB), NOSPLIT, $136-8
	WALK(WORDS512(L2WORDS, VPMOVZXBW, DOTVNNI))

// func beamIPVNNI(s *beamState)
TEXT ·beamIPVNNI(SB), NOSPLIT, $136-8
	WALK(BYTES512; LESS)
