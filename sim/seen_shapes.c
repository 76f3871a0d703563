#include "seen_shapes.h"

int seen_shapes_init(struct seen_shapes *seen, uint32_t tokens_max, struct arena *arena,
                     struct error *error)
{
    *seen = (struct seen_shapes){.tokens_max = tokens_max};
    seen->bits = arena_calloc(arena, (size_t)tokens_max / 64 + 1, sizeof(*seen->bits));
    if (!seen->bits)
        return error_out_of_memory(error, "step costs");
    seen->bits[tokens_max / 64] |= UINT64_C(1) << tokens_max % 64;
    return 0;
}

double seen_shapes_learn_s(struct seen_shapes *seen, const struct host *host, uint32_t tokens)
{
    double unlike = 1;
    if (tokens < host->new_shape_from)
        return 0;
    if (tokens <= seen->tokens_max) {
        uint64_t bit = UINT64_C(1) << tokens % 64;
        if (seen->bits[tokens / 64] & bit)
            return 0;
        seen->bits[tokens / 64] |= bit;
        unlike -= (double)tokens / seen->tokens_max;
    }
    double first = seen->count == 0 ? 1 : exp2(-(seen->count / host->new_shape_halving));
    seen->count++;
    return unlike * (host->new_shape_s + first * (host->new_shape_first_s - host->new_shape_s));
}
