#include "plan_estimate.h"

#include "json_build.h"

#include <gsl/gsl_cdf.h>

#define CONFIDENCE_ONE_SIDE 0.975

/* Batches that are all alike differ from their mean by what summing them rounds off: no spread. */
#define ROUNDING 1e-12

double plan_estimate_mean(const json_t *trials, const char *key)
{
    double sum = 0;
    for (size_t i = 0; i < json_array_size(trials); i++)
        sum += json_build_number(json_object_get(json_array_get(trials, i), key));
    return sum / (double)json_array_size(trials);
}

/* Sums how far all batches of all trials are from `around`, or the squares, and counts them. */
static double sum_batches(const json_t *trials, const char *key, double around, bool squared,
                          size_t *count)
{
    double sum = 0;
    *count = 0;
    for (size_t i = 0; i < json_array_size(trials); i++) {
        const json_t *batches = json_object_get(json_array_get(trials, i), key);
        for (size_t k = 0; k < json_array_size(batches); k++) {
            const json_t *batch = json_array_get(batches, k);
            if (!json_is_number(batch))
                continue;
            double off = json_number_value(batch) - around;
            sum += squared ? off * off : off;
            (*count)++;
        }
    }
    return sum;
}

struct plan_estimate plan_estimate_of(const json_t *trials, const char *key)
{
    size_t count;
    double sum = sum_batches(trials, key, 0, false, &count);
    if (count == 0)
        return (struct plan_estimate){NAN, NAN};
    double mean = sum / (double)count;
    if (count == 1)
        return (struct plan_estimate){mean, INFINITY};
    double degrees = (double)count - 1;
    double variance = sum_batches(trials, key, mean, true, &count) / degrees;
    double t = gsl_cdf_tdist_Pinv(CONFIDENCE_ONE_SIDE, degrees);
    double half = t * sqrt(variance / (double)count);
    return (struct plan_estimate){mean, half < ROUNDING * fabs(mean) ? 0 : half};
}

/* The normal deviate of the confidence, squared. */
static double deviate_squared(void)
{
    double z = gsl_cdf_ugaussian_Pinv(CONFIDENCE_ONE_SIDE);
    return z * z;
}

double plan_estimate_judged(const json_t *trials)
{
    return plan_estimate_mean(trials, "judged") * (double)json_array_size(trials);
}

double plan_estimate_to_prove(const struct slo *slo)
{
    double wanted = slo->percentile / 100;
    return wanted < 1 ? deviate_squared() * wanted / (1 - wanted) : 0;
}

/*
 * Batches that are all alike show no spread, yet of few requests even the rare one that misses is
 * not seen: no interval of a share is narrower than what so many, each on its own, leave open
 * (Wilson, J. Am. Stat. Assoc. 22, 1927).
 */
struct plan_estimate plan_estimate_share(const json_t *trials, const struct slo *slo)
{
    struct plan_estimate share = plan_estimate_of(trials, "within");
    double requests = plan_estimate_judged(trials);
    if (isnan(share.mean) || !(requests > 0) || plan_estimate_to_prove(slo) == 0)
        return share;
    double zz = deviate_squared();
    double shrink = 1 + zz / requests;
    double middle = (share.mean + zz / (2 * requests)) / shrink;
    double variance = share.mean * (1 - share.mean) + zz / (4 * requests);
    double half = sqrt(zz * variance / requests) / shrink;
    share.half = fmax(share.half, half + fabs(share.mean - middle));
    return share;
}
