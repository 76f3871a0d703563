/*
 * diary: what a replica's steps add to the timeline, in blocks of steps.
 *
 * A replica whose steps only repeat lets others' events pass (replica.h), so that
 * they cannot all be recorded in the order of time. Among several replicas each
 * keeps its own records until a block of DIARY_STEPS steps has returned, and writes
 * them at the event of the last one's return, which no replica sleeps through:
 * their order is the same however much was slept. There is room for a block of
 * steps that repeat; where others fill it, the replica is awake and writes early.
 * A lone replica writes whenever its diary is full, and what layers add, too much
 * to keep, is written as it comes.
 *
 * A diary is full when its records stand for so many rows of the timeline, so that
 * it does not matter whether a lap is one record or those of a step. Spans of a step
 * are one record as long as nothing else comes between them: they lie column by
 * column in blocks, from which a recorder copies them. A lone replica of several
 * stages, which has no laps, puts them on the recorder's desk instead, where there is
 * one: in the order of time they are anyhow.
 */
#ifndef TANDEM_DIARY_H
#define TANDEM_DIARY_H

#include "arena.h"
#include "session.h"

#define DIARY_STEPS 32
#define DIARY_CLOSED (SPAN_NO_STEP - 1) /* no step's number */

struct diary {
    struct session *session;
    union record *records;
    uint32_t count;
    uint32_t rows; /* that records stand for, but the open one; one for all links of a record */
    uint32_t rows_max;
    uint32_t rows_a_step;         /* that repeats, at the most */
    const struct span_desk *desk; /* NULL: spans are kept */
    struct span_block *blocks;    /* of spans that are kept */
    struct span_block *block;     /* for the next: one of these, or the desk's */
    size_t row;                   /* where in it */
    size_t block_end;             /* there it or the diary is full */
    struct spans_record *open; /* the last record, to which spans of its step are added; or NULL */
    uint64_t open_step;        /* of spans that are added; DIARY_CLOSED: none is begun */
    uint32_t replica;
    bool is_lone;
};

/* The diary of a replica of `stage_count` stages, which may be the only one of all. NULL with
   `error` filled in where memory is short. */
struct diary *diary_new(struct session *session, uint32_t replica, bool is_lone,
                        uint32_t stage_count, struct arena *arena, struct error *error);

/* Writes what is kept. */
void diary_write(struct diary *diary);

/* Lets no span be added to the open record any more. */
void diary_close(struct diary *diary);

/* Where the next record goes; it is added when it is there, and stands for so many rows. A step's
   own comes first, then its spans and links, then its end. */
static inline union record *diary_next(struct diary *diary)
{
    if (diary->open)
        diary_close(diary);
    return &diary->records[diary->count];
}

static inline void diary_added(struct diary *diary, uint32_t rows)
{
    diary->count++;
    diary->rows += rows;
    if (diary->rows == diary->rows_max)
        diary_write(diary);
}

/* Begins a step's spans. */
void diary_open(struct diary *diary, uint64_t step);

/* The block is full, or the diary. */
void diary_turn(struct diary *diary);

/* Adds a span of a step (SPAN_NO_STEP: of none). */
static inline void diary_add_span(struct diary *diary, uint64_t step, uint32_t stage,
                                  enum span_kind kind, sim_ps start, sim_ps duration,
                                  uint64_t bytes)
{
    if (diary->open_step != step)
        diary_open(diary, step);
    struct span_block *block = diary->block;
    size_t row = diary->row;
    block->start[row] = start;
    block->duration[row] = duration;
    block->stage[row] = stage;
    block->kind[row] = (uint8_t)kind;
    block->bytes[row] = bytes;
    diary->row = row + 1;
    if (row + 1 == diary->block_end)
        diary_turn(diary);
}

void diary_end_step(struct diary *diary, uint64_t number);

/* All that a lap adds but its links, which come before its end. */
void diary_add_lap(struct diary *diary, const struct lap_record *lap);

/* Of the steps from `number` on, how many may return while the replica sleeps. */
uint64_t diary_sleep_max(const struct diary *diary, uint64_t number);

#endif
