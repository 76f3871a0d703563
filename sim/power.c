#include "power.h"

struct power_limit power_limit_of(const struct power_capping *capping)
{
    if (capping->slowdown <= 1)
        return (struct power_limit){.extra = 0};
    return (struct power_limit){
        .extra = capping->slowdown - 1,
        .restored = capping->delay_s / capping->recovery_s,
        .busy_restored = capping->delay_s / capping->busy_recovery_s,
        .delay = sim_ps_from_s(capping->delay_s),
        .release = sim_ps_from_s(capping->release_s),
    };
}

struct power power_rested(const struct power_limit *limit)
{
    return (struct power){.left = limit->delay};
}

/* Restores what has been computed since the last hot work, up to `idle_from`, and the rest from
   there on do. */
static void restore(struct power *power, const struct power_limit *limit, sim_ps idle_from,
                    sim_ps start)
{
    sim_ps busy = sim_ps_max(0, idle_from - power->hot_until);
    sim_ps idle = start - sim_ps_max(idle_from, power->hot_until);
    if (power->left == 0)
        idle -= limit->release;
    double left = (double)power->left + (double)busy * limit->busy_restored +
                  (double)sim_ps_max(0, idle) * limit->restored;
    power->left = (sim_ps)fmin(left, (double)limit->delay);
}

sim_ps power_compute(struct power *power, const struct power_limit *limit, sim_ps idle_from,
                     sim_ps start, sim_ps compute, sim_ps hot)
{
    restore(power, limit, idle_from, start);
    double restored = (double)(compute - hot) * limit->busy_restored;
    sim_ps room = power->left + (sim_ps)fmin(restored, (double)(limit->delay + hot));
    sim_ps capped = sim_ps_max(0, hot - room);
    sim_ps longer = sim_ps_min((sim_ps)((double)capped * limit->extra), SIM_SPAN_MAX - compute);
    power->left = sim_ps_min(limit->delay, sim_ps_max(0, room - hot));
    power->hot_until = start + compute + longer;
    return longer;
}
