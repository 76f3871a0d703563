/*
 * prefix_warning: that a trace's prompts begin as earlier ones did, and are computed anew.
 */
#ifndef TANDEM_PREFIX_WARNING_H
#define TANDEM_PREFIX_WARNING_H

#include "serving.h"
#include "trace.h"
#include "warning.h"

/* prefixes_ignored, of what was read of a trace; NULL: there is none. Whether there is something to
   warn of: not where an engine finds prefixes. */
bool prefix_warning_of(const struct trace *trace, const struct serving *serving,
                       struct warning *warning);

#endif
