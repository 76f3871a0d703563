#include "lasting_rate.h"

#include <math.h>

double lasting_rate(const struct balance *balance, double arriving, double measured)
{
    bool lasts = balance_answer(balance) == BALANCE_KEPT_UP;
    return lasts && !isnan(arriving) ? arriving : measured;
}
