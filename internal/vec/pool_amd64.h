// OFFER puts rows into a pool, for the kernels Offer and Beam.
//
// Sixteen distances at a time are compared with that of the last place, which is
// the largest number while the pool is not full; few are not above. Each of those
// rows is put in by a pass over the keys from the far end that has no branch: at
// place i there is then min(key i, max(key i-1, the new one)). In a short pool the
// pass goes through all keys, since to miss the place where it may end costs more; a
// long one ends it where nothing moves any more. What a full pool loses goes to the
// places behind the last, if there are some up to the next 32, where nobody looks.
//
//	DI pool    CX keys in it   DX limit
//	SI dist    R8 ids          R9 how many there are, at least 1
//	R10 lists  R11 bytes of a list, or 0 and none is prefetched
//
// It leaves the number of keys in CX, and in R13 the first place that changed, or CX.
// It uses AX, BX, R8, R9, R12, R14, SI, DI, Z0 to Z12, K1, K2 and keys, 128 bytes of
// the frame.
#define LONG $256

#define OFFER \
	MOVQ $-1, R12;                      \
offer:                                 \
	MOVL  $0xffff, AX;                  \
	CMPQ  R9, $16;                      \
	JGE   all;                          \
	BZHIL R9, AX, AX;                   \
all:                                   \
	KMOVW         AX, K1;               \
	VMOVDQU32.Z   (SI), K1, Z0;         \
	VMOVDQU32.Z   (R8), K1, Z1;         \
	VPBROADCASTD  -4(DI)(DX*8), Z2;     \
	VPCMPUD       $2, Z2, Z0, K1, K2;   \
	KMOVW         K2, AX;               \
	TESTL         AX, AX;               \
	JZ            offered;              \
	VPADDD        Z1, Z1, Z1;           \
	VPMOVZXDQ     Y0, Z2;               \
	VPMOVZXDQ     Y1, Z3;               \
	VEXTRACTI64X4 $1, Z0, Y0;           \
	VEXTRACTI64X4 $1, Z1, Y1;           \
	VPMOVZXDQ     Y0, Z0;               \
	VPMOVZXDQ     Y1, Z1;               \
	VPSLLQ        $32, Z2, Z2;          \
	VPSLLQ        $32, Z0, Z0;          \
	VPORQ         Z3, Z2, Z2;           \
	VPORQ         Z1, Z0, Z0;           \
	VMOVDQU64     Z2, keys-128(SP);     \
	VMOVDQU64     Z0, keys-64(SP);      \
insert:                                \
	TZCNTL       AX, BX;                \
	BLSRL        AX, AX;                \
	MOVQ         keys-128(SP)(BX*8), R14; \
	CMPQ         R14, R12;              \
	CMOVQCS      R14, R12;              \
	TESTQ        R11, R11;              \
	JZ           place;                 \
	MOVL         R14, BX;               \
	SHRL         $1, BX;                \
	IMULQ        R11, BX;               \
	ADDQ         R10, BX;               \
	PREFETCHT0   (BX);                  \
	PREFETCHT0   64(BX);                \
	PREFETCHT0   -4(BX)(R11*1);         \
place:                                 \
	LEAQ         1(CX), BX;             \
	CMPQ         CX, DX;                \
	CMOVQLT      BX, CX;                \
	VPBROADCASTQ R14, Z3;               \
	LEAQ         31(CX), BX;            \
	ANDQ         $~31, BX;              \
	LEAQ         (DI)(BX*8), BX;        \
	VMOVDQU64    -64(BX), Z4;           \
shift:                                 \
	VMOVDQU64 -128(BX), Z5;             \
	VMOVDQU64 -192(BX), Z6;             \
	VMOVDQU64 -256(BX), Z7;             \
	VMOVDQU64 -320(BX), Z8;             \
	VALIGNQ   $7, Z5, Z4, Z9;           \
	VALIGNQ   $7, Z6, Z5, Z10;          \
	VALIGNQ   $7, Z7, Z6, Z11;          \
	VALIGNQ   $7, Z8, Z7, Z12;          \
	VPMAXUQ   Z3, Z9, Z9;               \
	VPMAXUQ   Z3, Z10, Z10;             \
	VPMAXUQ   Z3, Z11, Z11;             \
	VPMAXUQ   Z3, Z12, Z12;             \
	VPMINUQ   Z4, Z9, Z9;               \
	VPMINUQ   Z5, Z10, Z10;             \
	VPMINUQ   Z6, Z11, Z11;             \
	VPMINUQ   Z7, Z12, Z12;             \
	VMOVDQU64 Z9, -64(BX);              \
	VMOVDQU64 Z10, -128(BX);            \
	VMOVDQU64 Z11, -192(BX);            \
	VMOVDQU64 Z12, -256(BX);            \
	VMOVDQA64 Z8, Z4;                   \
	SUBQ      $256, BX;                 \
	CMPQ      BX, DI;                   \
	JLS       put;                      \
	CMPQ      CX, LONG;                 \
	JLE       shift;                    \
	CMPQ      R14, -8(BX);              \
	JCS       shift;                    \
put:                                   \
	TESTL AX, AX;                       \
	JNZ   insert;                       \
offered:                               \
	ADDQ         $64, SI;               \
	ADDQ         $64, R8;               \
	SUBQ         $16, R9;               \
	JGT          offer;                 \
	VPBROADCASTQ R12, Z3;               \
	XORL         R13, R13;              \
	LEAQ         (DI)(CX*8), R8;        \
below:                                 \
	VPCMPUQ $6, (DI), Z3, K1;           \
	KMOVB   K1, AX;                     \
	POPCNTL AX, AX;                     \
	ADDQ    AX, R13;                    \
	ADDQ    $64, DI;                    \
	CMPQ    DI, R8;                     \
	JCC     counted;                    \
	CMPQ    CX, LONG;                   \
	JLE     below;                      \
	CMPL    AX, $8;                     \
	JEQ     below;                      \
counted:                               \
	CMPQ    R13, CX;                    \
	CMOVQGT CX, R13
