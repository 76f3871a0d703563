#include "exchange.h"

#define HIDDEN_BYTES 2.0

uint32_t exchange_places(const struct model *model, const struct sharding *sharding, uint32_t ranks,
                         struct exchange_place places[EXCHANGES_OF_LAYER_MAX])
{
    bool scattered = sharding->sequence_parallel;
    bool sends_tokens = sharding_sends_tokens(sharding, ranks);
    enum exchange sum = scattered ? EXCHANGE_REDUCE_SCATTER : EXCHANGE_ALL_REDUCE;
    enum span_kind ffn = model_is_moe(model) ? SPAN_ROUTER : SPAN_GATE_UP;
    uint32_t count = 0;
    if (ranks < 2)
        return 0;
    if (scattered)
        places[count++] = (struct exchange_place){EXCHANGE_ALL_GATHER, SPAN_QKV, true};
    if (sends_tokens) {
        places[count++] = (struct exchange_place){EXCHANGE_REDUCE_SCATTER, SPAN_OUTPUT, false};
        places[count++] = (struct exchange_place){EXCHANGE_DISPATCH, SPAN_GATE_UP, true};
        places[count++] = (struct exchange_place){EXCHANGE_COMBINE, SPAN_DOWN, false};
        if (!scattered)
            places[count++] = (struct exchange_place){EXCHANGE_ALL_GATHER, SPAN_DOWN, false};
        return count;
    }
    places[count++] = (struct exchange_place){sum, SPAN_OUTPUT, false};
    if (scattered)
        places[count++] = (struct exchange_place){EXCHANGE_ALL_GATHER, ffn, true};
    places[count++] = (struct exchange_place){sum, SPAN_DOWN, false};
    return count;
}

double exchange_bytes(enum exchange exchange, const struct model *model, uint32_t ranks,
                      double tokens)
{
    double share = sharding_share(tokens, ranks);
    switch (exchange) {
    case EXCHANGE_REDUCE_SCATTER:
    case EXCHANGE_ALL_GATHER:
        return share * ranks * model->hidden * HIDDEN_BYTES;
    case EXCHANGE_DISPATCH:
    case EXCHANGE_COMBINE:
        return share * model->experts_per_token * model->hidden * HIDDEN_BYTES;
    case EXCHANGE_ALL_REDUCE:
    case EXCHANGE_COUNT:
        break;
    }
    return tokens * model->hidden * HIDDEN_BYTES;
}

double exchange_imbalance(enum exchange exchange, const struct model *model,
                          const struct sharding *sharding, uint32_t ranks)
{
    bool of_experts = exchange == EXCHANGE_DISPATCH || exchange == EXCHANGE_COMBINE;
    return of_experts ? sharding_imbalance(sharding, model, ranks) : 1;
}

enum span_kind exchange_span(enum exchange exchange)
{
    static const enum span_kind spans[EXCHANGE_COUNT] = {
#define X(name, text) SPAN_##name,
        EXCHANGES(X)
#undef X
    };
    return spans[exchange];
}

enum collective_operation exchange_operation(enum exchange exchange)
{
    static const enum collective_operation operations[EXCHANGE_COUNT] = {
        [EXCHANGE_ALL_REDUCE] = OPERATION_ALL_REDUCE,
        [EXCHANGE_REDUCE_SCATTER] = OPERATION_REDUCE_SCATTER,
        [EXCHANGE_ALL_GATHER] = OPERATION_ALL_GATHER,
        [EXCHANGE_DISPATCH] = OPERATION_ALL_TO_ALL,
        [EXCHANGE_COMBINE] = OPERATION_ALL_TO_ALL,
    };
    return operations[exchange];
}

const char *exchange_name(enum exchange exchange)
{
    static const char *const names[EXCHANGE_COUNT] = {EXCHANGES(LIST_TEXT)};
    return names[exchange];
}
