/*
 * plan_option: one thing that could be bought, as a scenario.
 */
#ifndef TANDEM_PLAN_OPTION_H
#define TANDEM_PLAN_OPTION_H

#include "plan.h"

struct plan_option {
    size_t kind;
    size_t engine; /* a combination of settings; see plan_engine_value() */
    uint32_t tensor_parallel;
    uint32_t pipeline_parallel;
    bool expert_parallel; /* each GPU of a group holds whole experts */
    uint32_t replicas;
    uint32_t nodes;
    uint32_t nodes_lost; /* further ones: gone, with what events do to them */
    bool is_own; /* the scenario's own cluster, layout and engine; widths were read from them */
    double load; /* times the scenario's: growth, and more of it */
};

/*
 * Learns from the scenario, with what `option` buys, its seed, which of its keys
 * sets the load, to what, and how many times that is to be served; whether it has experts whole;
 * and where the plan lists no engine settings, those to try: the scenario's max_step_tokens, a
 * quarter and four times of it. Call it before loading any option whose load is not 1, or any draw
 * but the first. ERROR_CONFIG, ERROR_MEMORY.
 */
int plan_option_learn(struct plan *plan, const struct plan_option *option, struct error *error);

/* Whether groups of so many GPUs have whole experts: where the scenario's have, and as many for
   each GPU. */
bool plan_option_has_whole_experts(const struct plan *plan, uint32_t tensor_parallel);

/* How many times the load of `option` is served where it is to grow `growth` times: as many, but of
   requests in flight, which are whole. */
double plan_option_growth(const struct plan *plan, const struct plan_option *option, double growth);

/*
 * The scenario of `option`, without its tree, for config_release() in any case; it
 * records no timeline. Its seed is the scenario's and `draw` more. ERROR_CONFIG,
 * ERROR_MEMORY.
 */
int plan_option_load(const struct plan *plan, const struct plan_option *option, uint32_t draw,
                     struct config *config, struct error *error);

/* The same under the scenario's own seed as a file for `tandem run`, in `arena`, which names all
   other files so that they are found from anywhere. */
int plan_option_text(const struct plan *plan, const struct plan_option *option, struct arena *arena,
                     const char **text, struct error *error);

#endif
