/*
 * config_limits: bounds on quantities, wide enough for any machine that may be
 * asked about and narrow enough that a step's time stays on the clock (base.h).
 */
#ifndef TANDEM_CONFIG_LIMITS_H
#define TANDEM_CONFIG_LIMITS_H

#include "base.h"

#define CONFIG_BYTES_MIN 1e6
#define CONFIG_BYTES_MAX 1e15
#define CONFIG_BYTES_PER_S_MIN 1e6
#define CONFIG_BYTES_PER_S_MAX 1e18
#define CONFIG_FLOPS_PER_S_MIN 1e9
#define CONFIG_FLOPS_PER_S_MAX 1e20
#define CONFIG_COST_S_MAX 60.0 /* of one kernel's launch, one hop, one host action */
#define CONFIG_CLOCK_S_MAX (100.0 * SIM_DAY_S) /* of the 104 days on which requests may arrive */
#define CONFIG_POWER_W_MAX 1e6
#define CONFIG_USD_PER_HOUR_MIN 1e-3 /* of what is free, any number is as cheap */
#define CONFIG_USD_PER_HOUR_MAX 1e6
#define CONFIG_USD_MAX 1e9
#define CONFIG_RATE_PER_S_MIN 1e-6
#define CONFIG_RATE_PER_S_MAX 1e9
#define CONFIG_CV_MAX 1000.0
#define CONFIG_SPREAD_MIN 1e-6 /* of a standard deviation, in tokens, and of a CV */
#define CONFIG_EXPONENT_MIN 0.01
#define CONFIG_EXPONENT_MAX 20.0
#define CONFIG_TOKENS_MAX 16777216 /* in one request, or one step */

#endif
