//go:build amd64 && !purego && !race

#include "textflag.h"
#include "rows_amd64.h"
#include "ints_amd64.h"
#include "codes_amd64.h"

// Distances of codes of one byte. A row is a multiple of 64 bytes, so there
// are no tails.

// ARGS loads the arguments.
#define ARGS \
	MOVQ stride+16(FP), R12; \
	POINTERS

// BASE sets X15 to four times base, and LESS takes the sums away from it.
#define BASE \
	MOVL         base+56(FP), AX; \
	VMOVD        AX, X15; \
	VPBROADCASTD X15, X15

#define LESS \
	VPSUBD X0, X15, X0

// func l2CodesVNNI(q, rows *byte, stride int, ids *uint32, n int, out *uint32, warm int)
TEXT ·l2CodesVNNI(SB), NOSPLIT, $0-56
	ARGS
	GROUPS(WORDS512(L2WORDS, VPMOVZXBW, DOTVNNI))

// func l2CodesAVX512(q, rows *byte, stride int, ids *uint32, n int, out *uint32, warm int)
TEXT ·l2CodesAVX512(SB), NOSPLIT, $0-56
	ARGS
	GROUPS(WORDS512(L2WORDS, VPMOVZXBW, DOTWIDE))

// func l2CodesAVX2(q, rows *byte, stride int, ids *uint32, n int, out *uint32, warm int)
TEXT ·l2CodesAVX2(SB), NOSPLIT, $0-56
	ARGS
	GROUPS(WORDS256(L2WORDS, VPMOVZXBW))

// func ipCodesVNNI(q, rows *byte, stride int, ids *uint32, n int, out *uint32, warm int, base uint32)
TEXT ·ipCodesVNNI(SB), NOSPLIT, $0-60
	ARGS
	BASE
	GROUPS(BYTES512; LESS)

// func ipCodesAVX512(q, rows *byte, stride int, ids *uint32, n int, out *uint32, warm int, base uint32)
TEXT ·ipCodesAVX512(SB), NOSPLIT, $0-60
	ARGS
	BASE
	GROUPS(WORDS512(IPWORDS, VPMOVSXBW, DOTWIDE); LESS)

// func ipCodesAVX2(q, rows *byte, stride int, ids *uint32, n int, out *uint32, warm int, base uint32)
TEXT ·ipCodesAVX2(SB), NOSPLIT, $0-60
	ARGS
	BASE
	GROUPS(WORDS256(IPWORDS, VPMOVSXBW); LESS)
