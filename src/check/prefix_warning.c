#include "prefix_warning.h"

/* Less of the prompts is not worth a warning. */
#define REUSABLE_MIN 0.01

bool prefix_warning_of(const struct trace *trace, const struct serving *serving,
                       struct warning *warning)
{
    double share = trace ? trace_reusable_share(trace) : NAN;
    if (serving->prefix_caching || !(share >= REUSABLE_MIN))
        return false;
    return warning_set(warning, "prefixes_ignored",
                       "%.0f%% of the trace's input tokens are prefixes of earlier prompts, which "
                       "are computed anew without engine.prefix_caching: with a cache without "
                       "bounds prefill would be %.1f times less work in tokens",
                       share * 100, 1 / (1 - share));
}
