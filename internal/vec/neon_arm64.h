// Instructions of NEON that the Go assembler has no name for, or whose registers
// a macro has to take by number, for its #include. Operands are numbers of
// vector registers in the order of the assembler: the second source, the first
// source, the destination.

// FADD, FSUB, FADDP (sums of neighbouring pairs, those of n first), FMLA (d +=
// n*m) and FCMGT (all ones where n > m) of four float32.
#define FADD(m, n, d)  WORD $(0x4e20d400 | m<<16 | n<<5 | d) // FADD  Vd.4S, Vn.4S, Vm.4S
#define FSUB(m, n, d)  WORD $(0x4ea0d400 | m<<16 | n<<5 | d) // FSUB  Vd.4S, Vn.4S, Vm.4S
#define FADDP(m, n, d) WORD $(0x6e20d400 | m<<16 | n<<5 | d) // FADDP Vd.4S, Vn.4S, Vm.4S
#define FMLA(m, n, d)  WORD $(0x4e20cc00 | m<<16 | n<<5 | d) // FMLA  Vd.4S, Vn.4S, Vm.4S
#define FCMGT(m, n, d) WORD $(0x6ea0e400 | m<<16 | n<<5 | d) // FCMGT Vd.4S, Vn.4S, Vm.4S

// Four float16 or bfloat16, the lower or (with a 2) the upper ones, widened to
// float32: the bits of a bfloat16 go to the upper half. UCVTF makes floats of
// whole numbers.
#define FCVTL(n, d)  WORD $(0x0e217800 | n<<5 | d) // FCVTL  Vd.4S, Vn.4H
#define FCVTL2(n, d) WORD $(0x4e217800 | n<<5 | d) // FCVTL2 Vd.4S, Vn.8H
#define SHLL(n, d)   WORD $(0x2e613800 | n<<5 | d) // SHLL   Vd.4S, Vn.4H, #16
#define SHLL2(n, d)  WORD $(0x6e613800 | n<<5 | d) // SHLL2  Vd.4S, Vn.8H, #16
#define UCVTF(n, d)  WORD $(0x6e21d800 | n<<5 | d) // UCVTF  Vd.4S, Vn.4S

// Bits of 16 bytes: those of one of n and m, of both, of n and not of m; how many
// each byte has; sums of bytes, and of neighbouring ones.
#define EOR16(m, n, d)  WORD $(0x6e201c00 | m<<16 | n<<5 | d) // EOR  Vd.16B, Vn.16B, Vm.16B
#define AND16(m, n, d)  WORD $(0x4e201c00 | m<<16 | n<<5 | d) // AND  Vd.16B, Vn.16B, Vm.16B
#define BIC16(m, n, d)  WORD $(0x4e601c00 | m<<16 | n<<5 | d) // BIC  Vd.16B, Vn.16B, Vm.16B
#define CNT16(n, d)     WORD $(0x4e205800 | n<<5 | d)         // CNT  Vd.16B, Vn.16B
#define ADD16(m, n, d)  WORD $(0x4e208400 | m<<16 | n<<5 | d) // ADD  Vd.16B, Vn.16B, Vm.16B
#define ADDP16(m, n, d) WORD $(0x4e20bc00 | m<<16 | n<<5 | d) // ADDP Vd.16B, Vn.16B, Vm.16B

// Whole numbers. Bytes: distances without a sign or with one; products of the
// lower (or, with a 2, the upper) eight as words, without a sign or with one, the
// same added to d; pairs as words. Words: products of four with a sign added to d;
// pairs added to d. Products of four numbers of 32 bits added to d.
#define UABD(m, n, d)    WORD $(0x6e207400 | m<<16 | n<<5 | d) // UABD   Vd.16B, Vn.16B, Vm.16B
#define SABD(m, n, d)    WORD $(0x4e207400 | m<<16 | n<<5 | d) // SABD   Vd.16B, Vn.16B, Vm.16B
#define UMULL(m, n, d)   WORD $(0x2e20c000 | m<<16 | n<<5 | d) // UMULL  Vd.8H, Vn.8B, Vm.8B
#define UMULL2(m, n, d)  WORD $(0x6e20c000 | m<<16 | n<<5 | d) // UMULL2 Vd.8H, Vn.16B, Vm.16B
#define SMULL(m, n, d)   WORD $(0x0e20c000 | m<<16 | n<<5 | d) // SMULL  Vd.8H, Vn.8B, Vm.8B
#define SMULL2(m, n, d)  WORD $(0x4e20c000 | m<<16 | n<<5 | d) // SMULL2 Vd.8H, Vn.16B, Vm.16B
#define UMLALB(m, n, d)  WORD $(0x2e208000 | m<<16 | n<<5 | d) // UMLAL  Vd.8H, Vn.8B, Vm.8B
#define UMLALB2(m, n, d) WORD $(0x6e208000 | m<<16 | n<<5 | d) // UMLAL2 Vd.8H, Vn.16B, Vm.16B
#define SMLALB(m, n, d)  WORD $(0x0e208000 | m<<16 | n<<5 | d) // SMLAL  Vd.8H, Vn.8B, Vm.8B
#define SMLALB2(m, n, d) WORD $(0x4e208000 | m<<16 | n<<5 | d) // SMLAL2 Vd.8H, Vn.16B, Vm.16B
#define SMLAL(m, n, d)   WORD $(0x0e608000 | m<<16 | n<<5 | d) // SMLAL  Vd.4S, Vn.4H, Vm.4H
#define SMLAL2(m, n, d)  WORD $(0x4e608000 | m<<16 | n<<5 | d) // SMLAL2 Vd.4S, Vn.8H, Vm.8H
#define SADDLP(n, d)     WORD $(0x4e202800 | n<<5 | d)         // SADDLP Vd.8H, Vn.16B
#define UADDLP(n, d)     WORD $(0x6e202800 | n<<5 | d)         // UADDLP Vd.8H, Vn.16B
#define SADALP(n, d)     WORD $(0x4e606800 | n<<5 | d)         // SADALP Vd.4S, Vn.8H
#define UADALP(n, d)     WORD $(0x6e606800 | n<<5 | d)         // UADALP Vd.4S, Vn.8H
#define MLA(m, n, d)     WORD $(0x4ea09400 | m<<16 | n<<5 | d) // MLA    Vd.4S, Vn.4S, Vm.4S

// The largest byte, or word; all ones where one of n is not below that of m; of each
// of 16 bytes that is all ones or zero four bits.
#define UMAXV16(n, d)   WORD $(0x6e30a800 | n<<5 | d)         // UMAXV Bd, Vn.16B
#define UMAXV8(n, d)    WORD $(0x6e70a800 | n<<5 | d)         // UMAXV Hd, Vn.8H
#define CMHS16(m, n, d) WORD $(0x6e203c00 | m<<16 | n<<5 | d) // CMHS  Vd.16B, Vn.16B, Vm.16B
#define CMHS8(m, n, d)  WORD $(0x6e603c00 | m<<16 | n<<5 | d) // CMHS  Vd.8H, Vn.8H, Vm.8H
#define SHRN4(n, d)     WORD $(0x0f0c8400 | n<<5 | d)         // SHRN  Vd.8B, Vn.8H, #4

// FEAT_DotProd: to each of four numbers of d the products of four bytes.
#define UDOT(m, n, d) WORD $(0x6e809400 | m<<16 | n<<5 | d) // UDOT Vd.4S, Vn.16B, Vm.16B
#define SDOT(m, n, d) WORD $(0x4e809400 | m<<16 | n<<5 | d) // SDOT Vd.4S, Vn.16B, Vm.16B
