/*
 * dtype: the number formats that weights, KV and activations are held in.
 */
#ifndef TANDEM_DTYPE_H
#define TANDEM_DTYPE_H

/*
 * X(NAME, YAML name, stored bits a value)
 * int4 and fp4 count their scales: groups of 128 with a 16-bit scale (GPTQ,
 * Frantar et al. 2023) and blocks of 16 with an 8-bit scale (NVFP4).
 */
#define DTYPES(X)          \
    X(BF16, "bf16", 16.0)  \
    X(FP8, "fp8", 8.0)     \
    X(INT4, "int4", 4.125) \
    X(FP4, "fp4", 4.5)

enum dtype {
#define X(name, text, bits) DTYPE_##name,
    DTYPES(X)
#undef X
        DTYPE_COUNT
};

/* Bytes that one value takes in memory, its share of the scales counted. */
static inline double dtype_bytes(enum dtype dtype)
{
    static const double bits[DTYPE_COUNT] = {
#define X(name, text, bits) bits,
        DTYPES(X)
#undef X
    };
    return bits[dtype] / 8;
}

#endif
