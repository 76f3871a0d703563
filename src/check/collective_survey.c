#include "collective_survey.h"

#include "human.h"
#include "json_build.h"

/* Whether simulations look up what was measured of an operation. */
static bool is_looked_up(enum collective_operation operation)
{
    for (int exchange = 0; exchange < EXCHANGE_COUNT; exchange++)
        if (exchange_operation((enum exchange)exchange) == operation)
            return true;
    return false;
}

int collective_survey_measure(struct collective_survey *survey,
                              const struct collective_table *table, const struct group_links *links,
                              struct arena *arena, struct error *error)
{
    if (!is_looked_up(survey->operation))
        return 0;
    int status = group_links_prepare(table, &survey->group, links, survey->operation,
                                     survey->bytes_last, &survey->measured, arena, error);
    if (status < 0 || survey->operation != OPERATION_ALL_REDUCE)
        return status;
    return group_links_prepare_custom(table, &survey->group, links, survey->bytes_last,
                                      &survey->custom, arena, error);
}

static struct collective_score score_of(const struct collective_survey *survey, double bytes,
                                        double seconds)
{
    double bus_factor = collective_bus_factor(survey->operation, survey->group.ranks);
    return (struct collective_score){
        .seconds = seconds,
        .algorithm_bytes_per_s = bytes / seconds,
        .bus_bytes_per_s = bytes / seconds * bus_factor,
    };
}

enum collective_algorithm
collective_survey_scores(const struct collective_survey *survey, double bytes,
                         struct collective_score scores[COLLECTIVE_ALGORITHM_COUNT])
{
    const struct collective_group *group = &survey->group;
    enum collective_algorithm chosen;
    for (uint32_t i = 0; i < COLLECTIVE_ALGORITHM_COUNT; i++) {
        enum collective_algorithm algorithm = (enum collective_algorithm)i;
        struct collective_plan plan;
        (void)collective_plan_of(&plan, group, survey->operation, algorithm, bytes);
        scores[i] =
            score_of(survey, bytes, collective_s(group, survey->operation, algorithm, bytes));
        scores[i].protocol = plan.protocol;
    }
    (void)collective_best_s(group, survey->operation, bytes, &chosen);
    return chosen;
}

static void print_gpus(const struct collective_survey *survey, FILE *stream)
{
    const uint32_t *gpus = survey->gpus;
    for (uint32_t i = 0; i < survey->group.ranks;) {
        uint32_t end = i + 1;
        while (end < survey->group.ranks && gpus[end] == gpus[end - 1] + 1)
            end++;
        (void)fprintf(stream, "%s%u", i == 0 ? "" : ",", gpus[i]);
        if (end - i > 1)
            (void)fprintf(stream, "-%u", gpus[end - 1]);
        i = end;
    }
}

static void print_score(const struct collective_score *score, double bytes, bool is_taken,
                        const char *algorithm, const char *protocol, FILE *stream)
{
    (void)fprintf(stream, "%14.0f %10s   %c %-18s%10s %10.2f %10.2f  %s\n", bytes,
                  human_bytes(bytes).text, is_taken ? '*' : ' ', algorithm,
                  human_seconds(score->seconds).text, score->algorithm_bytes_per_s / 1e9,
                  score->bus_bytes_per_s / 1e9, protocol);
}

/* What was measured, if anything was, and how its number is known. */
static void print_measured(const struct collective_survey *survey, const struct cost_grid *grid,
                           double bytes, bool is_taken, const char *name, FILE *stream)
{
    if (!grid)
        return;
    struct cost cost = cost_grid_at(grid, bytes, 1);
    struct collective_score score = score_of(survey, bytes, cost.seconds);
    print_score(&score, bytes, is_taken, name, cost_provenance_name(cost.provenance), stream);
}

/* What simulations take has a star; what does not apply has no line. */
static void print_size(const struct collective_survey *survey, double bytes, FILE *stream)
{
    struct collective_score scores[COLLECTIVE_ALGORITHM_COUNT];
    enum collective_algorithm chosen = collective_survey_scores(survey, bytes, scores);
    print_measured(survey, survey->measured, bytes, true, "measured", stream);
    print_measured(survey, survey->custom, bytes, false, "measured custom", stream);
    for (uint32_t i = 0; i < COLLECTIVE_ALGORITHM_COUNT; i++)
        if (isfinite(scores[i].seconds))
            print_score(&scores[i], bytes, !survey->measured && i == chosen,
                        collective_algorithm_name((enum collective_algorithm)i),
                        collective_protocol_name(scores[i].protocol), stream);
}

/* What an engine's own kernel changes of what has the star. */
static const char *custom_legend(const struct collective_survey *survey)
{
    if (survey->custom)
        return ", custom ones where the engine has that kernel and it is faster";
    if (isfinite(collective_custom_s(&survey->group, survey->operation, survey->bytes_first)))
        return ", direct ones where the engine has that kernel and it is faster";
    return "";
}

void collective_survey_print_text(const struct collective_survey *survey, FILE *stream)
{
    (void)fprintf(stream, "%s on %s, %u GPUs (", collective_operation_name(survey->operation),
                  survey->cluster->name, survey->group.ranks);
    print_gpus(survey, stream);
    (void)fprintf(stream, ") over %s; * is %s%s\n\n", medium_name(survey->medium),
                  survey->measured ? "what simulations take: the GPU's measured times go in front"
                                   : "the fastest that NCCL has, for want of measured times",
                  custom_legend(survey));
    (void)fprintf(stream, "%14s %10s     %-18s%10s %10s %10s  %s\n", "bytes", "size", "algorithm",
                  "time", "algbw GB/s", "busbw GB/s",
                  survey->measured ? "protocol or provenance" : "protocol");
    for (double bytes = survey->bytes_first; bytes <= survey->bytes_last; bytes *= 2)
        print_size(survey, bytes, stream);
}

/* What was measured; null: nothing was. */
static json_t *measured_json(const struct cost_grid *grid, double bytes)
{
    if (!grid)
        return json_null();
    struct cost cost = cost_grid_at(grid, bytes, 1);
    return json_pack("{s:f, s:s}", "time_s", cost.seconds, "provenance",
                     cost_provenance_name(cost.provenance));
}

static json_t *size_json(const struct collective_survey *survey, double bytes)
{
    struct collective_score scores[COLLECTIVE_ALGORITHM_COUNT];
    enum collective_algorithm chosen = collective_survey_scores(survey, bytes, scores);
    json_t *algorithms = json_array();
    for (uint32_t i = 0; i < COLLECTIVE_ALGORITHM_COUNT; i++) {
        if (!isfinite(scores[i].seconds))
            continue;
        json_t *object = json_build_object((const struct json_member[]){
            {"algorithm", json_string(collective_algorithm_name((enum collective_algorithm)i))},
            {"protocol", json_string(collective_protocol_name(scores[i].protocol))},
            {"time_s", json_real(scores[i].seconds)},
            {"algorithm_bytes_per_s", json_real(scores[i].algorithm_bytes_per_s)},
            {"bus_bytes_per_s", json_real(scores[i].bus_bytes_per_s)},
            {0},
        });
        algorithms = json_build_append(algorithms, object);
    }
    return json_build_object((const struct json_member[]){
        {"bytes", json_real(bytes)},
        {"chosen", json_string(survey->measured ? "measured" : collective_algorithm_name(chosen))},
        {"measured", measured_json(survey->measured, bytes)},
        {"measured_custom", measured_json(survey->custom, bytes)},
        {"algorithms", algorithms},
        {0},
    });
}

int collective_survey_print_json(const struct collective_survey *survey, FILE *stream,
                                 struct error *error)
{
    json_t *gpus = json_array();
    json_t *sizes = json_array();
    for (uint32_t i = 0; i < survey->group.ranks; i++)
        gpus = json_build_append(gpus, json_build_count(survey->gpus[i]));
    for (double bytes = survey->bytes_first; bytes <= survey->bytes_last; bytes *= 2)
        sizes = json_build_append(sizes, size_json(survey, bytes));
    json_t *object = json_build_object((const struct json_member[]){
        {"operation", json_string(collective_operation_name(survey->operation))},
        {"cluster", json_string(survey->cluster->name)},
        {"medium", json_string(medium_name(survey->medium))},
        {"gpus", gpus},
        {"sizes", sizes},
        {0},
    });
    return json_build_print(object, stream, error);
}
