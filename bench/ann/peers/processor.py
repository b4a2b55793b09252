"""What the processor can do, as numpy sees it."""


def features():
    """The newest vector instructions, by numpy's names."""
    from numpy._core._multiarray_umath import __cpu_features__ as have

    wanted = ("AVX2", "AVX512F", "AVX512BW", "AVX512VL", "AVX512VNNI", "AVX512_ICL", "AVX512_SPR", "ASIMD",
              "ASIMDDP", "SVE")
    return " ".join(f for f in wanted if have.get(f)) or "baseline"
