#include "collective_survey.h"

#include "human.h"
#include "json_build.h"

enum collective_algorithm
collective_survey_scores(const struct collective_survey *survey, double bytes,
                         struct collective_score scores[COLLECTIVE_ALGORITHM_COUNT])
{
    const struct collective_group *group = &survey->group;
    enum collective_algorithm chosen;
    double bus_factor = collective_bus_factor(survey->operation, group->ranks);
    for (uint32_t i = 0; i < COLLECTIVE_ALGORITHM_COUNT; i++) {
        enum collective_algorithm algorithm = (enum collective_algorithm)i;
        struct collective_plan plan;
        (void)collective_plan_of(&plan, group, survey->operation, algorithm, bytes);
        double seconds = collective_s(group, survey->operation, algorithm, bytes);
        scores[i] = (struct collective_score){
            .seconds = seconds,
            .protocol = plan.protocol,
            .algorithm_bytes_per_s = bytes / seconds,
            .bus_bytes_per_s = bytes / seconds * bus_factor,
        };
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

/* The chosen algorithm has a star; what does not apply has no line. */
static void print_size(const struct collective_survey *survey, double bytes, FILE *stream)
{
    struct collective_score scores[COLLECTIVE_ALGORITHM_COUNT];
    enum collective_algorithm chosen = collective_survey_scores(survey, bytes, scores);
    for (uint32_t i = 0; i < COLLECTIVE_ALGORITHM_COUNT; i++) {
        if (!isfinite(scores[i].seconds))
            continue;
        (void)fprintf(stream, "%14.0f %10s   %c %-18s%10s %10.2f %10.2f  %s\n", bytes,
                      human_bytes(bytes).text, i == chosen ? '*' : ' ',
                      collective_algorithm_name((enum collective_algorithm)i),
                      human_seconds(scores[i].seconds).text, scores[i].algorithm_bytes_per_s / 1e9,
                      scores[i].bus_bytes_per_s / 1e9,
                      collective_protocol_name(scores[i].protocol));
    }
}

void collective_survey_print_text(const struct collective_survey *survey, FILE *stream)
{
    (void)fprintf(stream, "%s on %s, %u GPUs (", collective_operation_name(survey->operation),
                  survey->cluster->name, survey->group.ranks);
    print_gpus(survey, stream);
    (void)fprintf(stream, ") over %s; * is the fastest, for want of measured times\n\n",
                  medium_name(survey->medium));
    (void)fprintf(stream, "%14s %10s     %-18s%10s %10s %10s  protocol\n", "bytes", "size",
                  "algorithm", "time", "algbw GB/s", "busbw GB/s");
    for (double bytes = survey->bytes_first; bytes <= survey->bytes_last; bytes *= 2)
        print_size(survey, bytes, stream);
}

static json_t *size_json(const struct collective_survey *survey, double bytes)
{
    struct collective_score scores[COLLECTIVE_ALGORITHM_COUNT];
    enum collective_algorithm chosen = collective_survey_scores(survey, bytes, scores);
    json_t *algorithms = json_array();
    for (uint32_t i = 0; i < COLLECTIVE_ALGORITHM_COUNT; i++) {
        if (!isfinite(scores[i].seconds))
            continue;
        algorithms = json_build_append(
            algorithms,
            json_pack("{s:s, s:s, s:f, s:f, s:f}", "algorithm",
                      collective_algorithm_name((enum collective_algorithm)i), "protocol",
                      collective_protocol_name(scores[i].protocol), "time_s", scores[i].seconds,
                      "algorithm_bytes_per_s", scores[i].algorithm_bytes_per_s, "bus_bytes_per_s",
                      scores[i].bus_bytes_per_s));
    }
    return json_pack("{s:f, s:s, s:o}", "bytes", bytes, "chosen", collective_algorithm_name(chosen),
                     "algorithms", algorithms);
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
    return json_build_print(json_pack("{s:s, s:s, s:s, s:o, s:o}", "operation",
                                      collective_operation_name(survey->operation), "cluster",
                                      survey->cluster->name, "medium", medium_name(survey->medium),
                                      "gpus", gpus, "sizes", sizes),
                            stream, error);
}
