/*
 * exchange: the collectives of one decoder layer: which, where, of how many bytes.
 *
 *     plain                ... output [all-reduce] norm, FFN [all-reduce]
 *     sequence parallel    norm [all-gather] QKV ... output [reduce-scatter]
 *                          norm [all-gather] FFN [reduce-scatter]
 *     experts all-to-all   ... output [reduce-scatter] norm, router [dispatch]
 *                          experts [combine] [all-gather]
 *     that and sequence    norm [all-gather] QKV ... output [reduce-scatter]
 *                          norm, router [dispatch] experts [combine]
 *
 * sharding.h has the sources; whole experts whose engine has all-reduces exchange as
 * split ones do. Where tokens are not sent, the router works on all of them on every GPU,
 * which must know where each goes. Hidden states are 16-bit.
 */
#ifndef TANDEM_EXCHANGE_H
#define TANDEM_EXCHANGE_H

#include "collective_plan.h"
#include "recorder.h"
#include "sharding.h"

/* X(NAME, as people write it): each is a SPAN_ of that name */
#define EXCHANGES(X)                    \
    X(ALL_REDUCE, "all-reduce")         \
    X(REDUCE_SCATTER, "reduce-scatter") \
    X(ALL_GATHER, "all-gather")         \
    X(DISPATCH, "dispatch")             \
    X(COMBINE, "combine")

enum exchange {
#define X(name, text) EXCHANGE_##name,
    EXCHANGES(X)
#undef X
        EXCHANGE_COUNT
};

/* One of a layer's: before or after its kernel of that kind. */
struct exchange_place {
    enum exchange exchange;
    enum span_kind kernel;
    bool is_before;
};

#define EXCHANGES_OF_LAYER_MAX 4

/* A layer's exchanges over `ranks` GPUs in order, none for one; their count. */
uint32_t exchange_places(const struct model *model, const struct sharding *sharding, uint32_t ranks,
                         struct exchange_place places[EXCHANGES_OF_LAYER_MAX]);

/*
 * The collective's buffer for `tokens` tokens, as collective_plan.h counts it. What
 * is scattered lies in equal shares, so their sum is padded to them. An all-to-all's
 * is what a GPU with its share of the tokens sends, its own part included.
 */
double exchange_bytes(enum exchange exchange, const struct model *model, uint32_t ranks,
                      double tokens);

/* The busiest GPU's part of it, for which all wait, over the mean GPU's. */
double exchange_imbalance(enum exchange exchange, const struct model *model,
                          const struct sharding *sharding, uint32_t ranks);

enum span_kind exchange_span(enum exchange exchange);
enum collective_operation exchange_operation(enum exchange exchange);

/* The name, as people write it. */
const char *exchange_name(enum exchange exchange);

#endif
