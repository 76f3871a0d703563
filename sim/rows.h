/*
 * rows: the rows that a run's records stand for, in the order of each table.
 *
 *     struct rows rows = {.context = &mine, .span = hear_span};
 *     struct recorder recorder = {.context = &rows, .record = rows_record};
 */
#ifndef TANDEM_ROWS_H
#define TANDEM_ROWS_H

#include "recorder.h"

/* What hears of a row of each kind; where they are there, `spans` of many at a time, and `lap`, for
   its step and spans. Any may be NULL. Negative, with `error` filled in, ends it. */
struct rows {
    void *context;
    int (*request)(void *context, const struct request_record *row, struct error *error);
    int (*step)(void *context, const struct step_record *row, struct error *error);
    int (*span)(void *context, const struct span_record *row, struct error *error);
    int (*spans)(void *context, const struct spans_record *rows, struct error *error);
    int (*lap)(void *context, const struct lap_record *rows, struct error *error);
    int (*link)(void *context, const struct link_record *row, struct error *error);
};

static inline int rows_tell_spans(const struct rows *rows, const struct spans_record *spans,
                                  struct error *error)
{
    int status = 0;
    const struct span_block *block = spans->block;
    uint32_t end = spans->first + spans->count;
    for (uint32_t i = spans->first; i < end && status >= 0; i++) {
        struct span_record row = {
            .type = RECORD_SPAN,
            .kind = block->kind[i],
            .start = block->start[i],
            .duration = block->duration[i],
            .step = spans->step,
            .bytes = block->bytes[i],
            .replica = spans->replica,
            .stage = block->stage[i],
            .layer = SPAN_NO_LAYER,
        };
        status = rows->span(rows->context, &row, error);
    }
    return status;
}

/* A lap's spans in order of time: two waits at the most, and its work. */
#define LAP_SPANS_MAX 3
struct lap_span {
    enum span_kind kind;
    sim_ps start;
    sim_ps end;
};

/* Returns how many there are. */
static inline uint32_t lap_spans(const struct lap_record *lap, struct lap_span spans[LAP_SPANS_MAX])
{
    uint32_t count = 0;
    if (lap->launched > lap->end_before)
        spans[count++] = (struct lap_span){SPAN_IDLE_HOST, lap->end_before, lap->launched};
    if (lap->start > lap->launched)
        spans[count++] = (struct lap_span){SPAN_IDLE_HOST, lap->launched, lap->start};
    spans[count++] = (struct lap_span){SPAN_STAGE, lap->start, lap->end};
    return count;
}

/* How many rows a lap stands for: its step and its spans. */
static inline uint32_t rows_of_lap(const struct lap_record *lap)
{
    return 2 + (uint32_t)(lap->launched > lap->end_before) + (uint32_t)(lap->start > lap->launched);
}

static inline int rows_tell_links(const struct rows *rows, const struct links_record *links,
                                  struct error *error)
{
    struct link_record row = links->each;
    int status = 0;
    for (uint32_t i = 0; i < links->count && status >= 0; i++) {
        row.link = links->links[i].link;
        row.bytes = links->each.bytes * links->links[i].routes;
        status = rows->link(rows->context, &row, error);
    }
    return status;
}

static inline int rows_tell_step_of_lap(const struct rows *rows, const struct lap_record *lap,
                                        struct error *error)
{
    struct step_record step = {
        .type = RECORD_STEP,
        .replica = lap->replica,
        .step = lap->step,
        .scheduled = lap->end_before + (lap->done - lap->end),
        .done = lap->done,
        .decode_context_tokens = lap->decode_context_tokens,
        .decode_tokens = lap->decode_tokens,
    };
    return rows->step ? rows->step(rows->context, &step, error) : 0;
}

/* The step, and its spans in order of time. */
static inline int rows_tell_lap(const struct rows *rows, const struct lap_record *lap,
                                struct error *error)
{
    struct lap_span spans[LAP_SPANS_MAX];
    uint32_t count = lap_spans(lap, spans);
    int status = rows_tell_step_of_lap(rows, lap, error);
    for (uint32_t i = 0; rows->span && i < count && status >= 0; i++) {
        struct span_record span = {
            .type = RECORD_SPAN,
            .kind = spans[i].kind,
            .start = spans[i].start,
            .duration = spans[i].end - spans[i].start,
            .step = lap->step,
            .replica = lap->replica,
            .layer = SPAN_NO_LAYER,
        };
        status = rows->span(rows->context, &span, error);
    }
    return status;
}

static inline int rows_tell(const struct rows *rows, const union record *record,
                            struct error *error)
{
    switch (record->type) {
    case RECORD_REQUEST:
        return rows->request ? rows->request(rows->context, &record->request, error) : 0;
    case RECORD_STEP:
        return rows->step ? rows->step(rows->context, &record->step, error) : 0;
    case RECORD_SPAN:
        return rows->span ? rows->span(rows->context, &record->span, error) : 0;
    case RECORD_SPANS:
        if (rows->spans)
            return rows->spans(rows->context, &record->spans, error);
        return rows->span ? rows_tell_spans(rows, &record->spans, error) : 0;
    case RECORD_LINK:
        return rows->link ? rows->link(rows->context, &record->link, error) : 0;
    case RECORD_LINKS:
        return rows->link ? rows_tell_links(rows, &record->links, error) : 0;
    case RECORD_LAP:
        if (rows->lap)
            return rows->lap(rows->context, &record->lap, error);
        return rows_tell_lap(rows, &record->lap, error);
    }
    return 0;
}

/* Tells `rows`, a struct of that name, all that some records stand for. Here, so that it is a
   switch and no calls where the functions are known. */
static inline int rows_record(void *context, const union record *records, size_t count,
                              struct error *error)
{
    const struct rows *rows = context;
    int status = 0;
    for (size_t i = 0; i < count && status >= 0; i++)
        status = rows_tell(rows, &records[i], error);
    return status;
}

#endif
