// VISIT appends to out the ids of a list that are below the limit and whose visited
// bits are clear, sets these bits, and prefetches the rows, for the kernels Unvisited
// and Beam.
//
// Sixteen ids at a time are tested, and those whose bits are clear appended. The
// second loop sets the bits, leaves out an id that comes a second time, and
// prefetches. APPEND stores Z1, of which the lanes of K1 are wanted, to R11; ROWS, for
// which there are rows, sets SI to the rows, BX to the bytes of each and DX to how many
// of these to prefetch.
//
//	SI ids    R9 how many, at least 1    DI visited    R8, R11, R12 out
//	Z3 the limit, Z4 one, in each of 32 bits
//
// It leaves R12 behind the ids appended, and uses AX, BX, DX, SI, R8 to R11, Z0 to Z2
// and K1 to K3.
#define VISIT(APPEND, ROWS) \
sixteen:                               \
	MOVL  $0xffff, AX;                  \
	CMPQ  R9, $16;                      \
	JGE   load;                         \
	BZHIL R9, AX, AX;                   \
load:                                  \
	KMOVW         AX, K1;               \
	VMOVDQU32.Z   (SI), K1, Z0;         \
	VPCMPUD       $1, Z3, Z0, K1, K2;   \
	VPSRLD        $5, Z0, Z1;           \
	KMOVW         K2, K3;               \
	VPXORD        Z2, Z2, Z2;           \
	VPGATHERDD    (DI)(Z1*4), K3, Z2;   \
	VPRORVD       Z0, Z2, Z2;           \
	VPTESTNMD     Z4, Z2, K2, K2;       \
	VPCOMPRESSD.Z Z0, K2, Z1;           \
	APPEND;                             \
	KMOVW         K2, AX;               \
	POPCNTL       AX, AX;               \
	LEAQ          (R11)(AX*4), R11;     \
	ADDQ          $64, SI;              \
	SUBQ          $16, R9;              \
	JGT           sixteen;              \
	CMPQ          R8, R11;              \
	JEQ           visited;              \
	ROWS;                               \
mark:                                  \
	MOVL  (R8), AX;                     \
	ADDQ  $4, R8;                       \
	MOVL  AX, R9;                       \
	SHRL  $5, R9;                       \
	MOVL  (DI)(R9*4), R10;              \
	BTSL  AX, R10;                      \
	JCS   twice;                        \
	MOVL  R10, (DI)(R9*4);              \
	MOVL  AX, (R12);                    \
	ADDQ  $4, R12;                      \
	IMULQ BX, AX;                       \
	ADDQ  SI, AX;                       \
	LEAQ  (AX)(DX*1), R9;               \
line:                                  \
	PREFETCHT0 (AX);                    \
	ADDQ       $64, AX;                 \
	CMPQ       AX, R9;                  \
	JCS        line;                    \
twice:                                 \
	CMPQ R8, R11;                       \
	JNE  mark;                          \
visited:
