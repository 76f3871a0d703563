#include "trace_stats.h"

#include <stdlib.h>
#include <string.h>

#define ROOM_MIN 4096

void trace_stats_init(struct trace_stats *stats)
{
    *stats = (struct trace_stats){.requests = 0};
}

void trace_stats_release(struct trace_stats *stats)
{
    free(stats->input.counts);
    free(stats->output.counts);
    trace_stats_init(stats);
}

static int histogram_grow(struct length_histogram *histogram, uint32_t tokens, struct error *error)
{
    size_t room = histogram->room ? histogram->room : ROOM_MIN;
    while (room <= tokens)
        room *= 2;
    uint64_t *counts = realloc(histogram->counts, room * sizeof(*counts));
    if (!counts)
        return error_out_of_memory(error, "a histogram of lengths");
    memset(counts + histogram->room, 0, (room - histogram->room) * sizeof(*counts));
    histogram->counts = counts;
    histogram->room = room;
    return 0;
}

static int histogram_add(struct length_histogram *histogram, uint32_t tokens, struct error *error)
{
    if (tokens >= histogram->room) {
        int status = histogram_grow(histogram, tokens, error);
        if (status < 0)
            return status;
    }
    histogram->counts[tokens]++;
    histogram->total++;
    histogram->token_sum += tokens;
    histogram->max = u32_max(histogram->max, tokens);
    return 0;
}

/* Mean and spread in one pass. Source: Welford, Technometrics 4(3), 1962. */
static void add_gap(struct trace_stats *stats, double gap_s)
{
    double gaps = (double)stats->requests;
    double deviation_s = gap_s - stats->gap_mean_s;
    stats->gap_mean_s += deviation_s / gaps;
    stats->gap_squares += deviation_s * (gap_s - stats->gap_mean_s);
}

int trace_stats_add(struct trace_stats *stats, const struct arrival *arrival, struct error *error)
{
    if (stats->requests == 0)
        stats->first = arrival->at;
    else
        add_gap(stats, sim_s_from_ps(arrival->at - stats->last));
    stats->last = arrival->at;
    stats->requests++;
    int status = histogram_add(&stats->input, arrival->input_tokens, error);
    return status < 0 ? status : histogram_add(&stats->output, arrival->output_tokens, error);
}

double trace_stats_duration_s(const struct trace_stats *stats)
{
    return sim_s_from_ps(stats->last - stats->first);
}

double trace_stats_rate_per_s(const struct trace_stats *stats)
{
    if (stats->last == stats->first)
        return NAN;
    return (double)(stats->requests - 1) / trace_stats_duration_s(stats);
}

double trace_stats_gap_cv(const struct trace_stats *stats)
{
    if (stats->requests < 3 || stats->last == stats->first)
        return NAN;
    return sqrt(stats->gap_squares / (double)(stats->requests - 2)) / stats->gap_mean_s;
}

double length_histogram_mean(const struct length_histogram *histogram)
{
    return histogram->total ? (double)histogram->token_sum / (double)histogram->total : NAN;
}

/* The length that `rank` others are no longer than, in ascending order; rank < total. */
static uint32_t order_statistic(const struct length_histogram *histogram, uint64_t rank)
{
    uint32_t tokens = 0;
    for (uint64_t seen = histogram->counts[0]; seen <= rank; seen += histogram->counts[tokens])
        tokens++;
    return tokens;
}

double length_histogram_percentile(const struct length_histogram *histogram, double percentile)
{
    if (histogram->total == 0)
        return NAN;
    double position = percentile / 100 * (double)(histogram->total - 1);
    uint64_t rank = (uint64_t)position;
    double below = order_statistic(histogram, rank);
    double above = order_statistic(histogram, u64_min(rank + 1, histogram->total - 1));
    return below + (position - (double)rank) * (above - below);
}
