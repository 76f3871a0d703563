#include "diary.h"

#include "rows.h"

/* What a step that repeats adds for one stage at the most: idle times by cause, its visit and its
   send; and for each kind of its traffic two buckets that are over (link_meter.h). */
#define SPANS_OF_LONE_STAGE 4
#define SPANS_OF_STAGE 7
#define LINKS_OF_STAGE 8

/* That a lone replica keeps: few enough to stay in the cache. */
#define LONE_ROWS 64

static uint32_t rows_of_step(uint32_t stage_count)
{
    uint32_t spans = stage_count > 1 ? stage_count * SPANS_OF_STAGE : SPANS_OF_LONE_STAGE;
    return 1 + spans + stage_count * LINKS_OF_STAGE;
}

/* Where the replica may put its spans as they come; NULL: nowhere. */
static const struct span_desk *desk_for(const struct session *session, bool is_lone,
                                        uint32_t stage_count)
{
    const struct span_desk *desk = &session->recorder.desk;
    bool are_all = is_lone && stage_count > 1 && !session->record_layers;
    return are_all && desk->block ? desk : NULL;
}

/* Lets the desk know of the spans on it. */
static void tell_desk(const struct diary *diary)
{
    if (diary->desk)
        *diary->desk->row = diary->row;
}

/* Lets the next span that is kept be the first. */
static void begin_blocks(struct diary *diary)
{
    if (diary->desk)
        return;
    diary->block = diary->blocks;
    diary->row = 0;
}

struct diary *diary_new(struct session *session, uint32_t replica, bool is_lone,
                        uint32_t stage_count, struct arena *arena, struct error *error)
{
    struct diary *diary = arena_calloc(arena, 1, sizeof(*diary));
    if (!diary) {
        error_out_of_memory(error, "timeline");
        return NULL;
    }
    uint32_t rows_a_step = rows_of_step(stage_count);
    uint32_t rows_max = session->record_layers ? 1 : DIARY_STEPS * rows_a_step;
    const struct span_desk *desk = desk_for(session, is_lone, stage_count);
    *diary = (struct diary){
        .session = session,
        .replica = replica,
        .rows_max = is_lone ? LONE_ROWS : rows_max,
        .rows_a_step = rows_a_step,
        .open_step = DIARY_CLOSED,
        .is_lone = is_lone,
        .desk = desk,
        .block = desk ? desk->block : NULL,
        .block_end = SPAN_BLOCK,
    };
    uint32_t blocks = (diary->rows_max + SPAN_BLOCK - 1) / SPAN_BLOCK;
    diary->records = arena_calloc(arena, diary->rows_max, sizeof(*diary->records));
    diary->blocks = arena_calloc(arena, blocks, sizeof(*diary->blocks));
    begin_blocks(diary);
    if (diary->records && diary->blocks)
        return diary;
    error_out_of_memory(error, "timeline");
    return NULL;
}

void diary_write(struct diary *diary)
{
    diary_close(diary);
    tell_desk(diary);
    session_record(diary->session, diary->records, diary->count);
    diary->count = 0;
    diary->rows = 0;
    begin_blocks(diary);
}

/* Opens a record of a step's spans that are kept. */
static void open_record(struct diary *diary, uint64_t step)
{
    struct spans_record *record = &diary_next(diary)->spans;
    *record = (struct spans_record){
        .type = RECORD_SPANS,
        .replica = diary->replica,
        .step = step,
        .block = diary->block,
        .first = (uint32_t)diary->row,
    };
    diary->open = record;
    diary->count++;
    diary->block_end = u64_min(SPAN_BLOCK, diary->row + diary->rows_max - diary->rows);
}

void diary_open(struct diary *diary, uint64_t step)
{
    tell_desk(diary);
    if (diary->desk)
        diary->desk->begin(diary->desk->context, diary->replica, step);
    else
        open_record(diary, step);
    diary->open_step = step;
}

/* Spans of the open record. */
static uint32_t open_rows(const struct diary *diary)
{
    return diary->open ? (uint32_t)diary->row - diary->open->first : 0;
}

void diary_close(struct diary *diary)
{
    if (!diary->open)
        return;
    diary->open->count = open_rows(diary);
    diary->rows += diary->open->count;
    diary->open = NULL;
    diary->open_step = DIARY_CLOSED;
}

void diary_turn(struct diary *diary)
{
    tell_desk(diary);
    if (diary->desk) {
        diary->row = 0;
        session_turn_spans(diary->session, diary->replica, diary->open_step);
        return;
    }
    diary_close(diary);
    if (diary->row == SPAN_BLOCK) {
        diary->block++;
        diary->row = 0;
    }
    if (diary->rows == diary->rows_max)
        diary_write(diary);
}

static int add_step(void *context, const struct step_record *step, struct error *error)
{
    (void)error;
    diary_next(context)->step = *step;
    diary_added(context, 1);
    return 0;
}

static int add_span(void *context, const struct span_record *span, struct error *error)
{
    (void)error;
    diary_next(context)->span = *span;
    diary_added(context, 1);
    return 0;
}

/* A lap that the diary becomes full with goes row by row, as it does where each step is an event:
   what is written early is the same. */
void diary_add_lap(struct diary *diary, const struct lap_record *lap)
{
    uint32_t rows = rows_of_lap(lap);
    diary_close(diary);
    if (diary->rows + rows > diary->rows_max) {
        struct rows each = {.context = diary, .step = add_step, .span = add_span};
        (void)rows_tell_lap(&each, lap, NULL);
        return;
    }
    diary_next(diary)->lap = *lap;
    diary_added(diary, rows);
}

static inline uint64_t steps_before_last(uint64_t number)
{
    return DIARY_STEPS - 1 - number % DIARY_STEPS;
}

void diary_end_step(struct diary *diary, uint64_t number)
{
    if (!diary->is_lone && steps_before_last(number) == 0)
        diary_write(diary);
}

uint64_t diary_sleep_max(const struct diary *diary, uint64_t number)
{
    if (diary->is_lone)
        return UINT64_MAX;
    uint64_t room = (diary->rows_max - 1 - diary->rows - open_rows(diary)) / diary->rows_a_step;
    return u64_min(room, steps_before_last(number));
}
