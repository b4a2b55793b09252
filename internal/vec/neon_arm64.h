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

// Whole numbers: exclusive or and the distance of 16 bytes, products of the
// lower (or, with a 2, the upper) eight bytes as words, without a sign or with
// one, products of four words with a sign added to d, pairs of bytes with a
// sign added up, pairs of words added to d.
#define EOR16(m, n, d)  WORD $(0x6e201c00 | m<<16 | n<<5 | d) // EOR    Vd.16B, Vn.16B, Vm.16B
#define UABD(m, n, d)   WORD $(0x6e207400 | m<<16 | n<<5 | d) // UABD   Vd.16B, Vn.16B, Vm.16B
#define UMULL(m, n, d)  WORD $(0x2e20c000 | m<<16 | n<<5 | d) // UMULL  Vd.8H, Vn.8B, Vm.8B
#define UMULL2(m, n, d) WORD $(0x6e20c000 | m<<16 | n<<5 | d) // UMULL2 Vd.8H, Vn.16B, Vm.16B
#define SMULL(m, n, d)  WORD $(0x0e20c000 | m<<16 | n<<5 | d) // SMULL  Vd.8H, Vn.8B, Vm.8B
#define SMULL2(m, n, d) WORD $(0x4e20c000 | m<<16 | n<<5 | d) // SMULL2 Vd.8H, Vn.16B, Vm.16B
#define SMLAL(m, n, d)  WORD $(0x0e608000 | m<<16 | n<<5 | d) // SMLAL  Vd.4S, Vn.4H, Vm.4H
#define SMLAL2(m, n, d) WORD $(0x4e608000 | m<<16 | n<<5 | d) // SMLAL2 Vd.4S, Vn.8H, Vm.8H
#define SADDLP(n, d)    WORD $(0x4e202800 | n<<5 | d)         // SADDLP Vd.8H, Vn.16B
#define SADALP(n, d)    WORD $(0x4e606800 | n<<5 | d)         // SADALP Vd.4S, Vn.8H
#define UADALP(n, d)    WORD $(0x6e606800 | n<<5 | d)         // UADALP Vd.4S, Vn.8H

// FEAT_DotProd: to each of four numbers of d the products of four bytes.
#define UDOT(m, n, d) WORD $(0x6e809400 | m<<16 | n<<5 | d) // UDOT Vd.4S, Vn.16B, Vm.16B
#define SDOT(m, n, d) WORD $(0x4e809400 | m<<16 | n<<5 | d) // SDOT Vd.4S, Vn.16B, Vm.16B
