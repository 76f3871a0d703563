#include "diary.h"

/* What a step that repeats adds for one stage at the most: idle times by cause, its visit and its
   send; and for each of its two kinds of traffic a bucket that is over. */
#define SPANS_OF_LONE_STAGE 4
#define SPANS_OF_STAGE 7
#define LINKS_OF_STAGE 2

struct diary *diary_new(struct session *session, bool is_lone, uint32_t stage_count,
                        struct arena *arena, struct error *error)
{
    struct diary *diary = arena_calloc(arena, 1, sizeof(*diary));
    if (!diary) {
        error_out_of_memory(error, "timeline");
        return NULL;
    }
    diary->session = session;
    diary->spans_a_step = stage_count > 1 ? stage_count * SPANS_OF_STAGE : SPANS_OF_LONE_STAGE;
    diary->links_a_step = stage_count * LINKS_OF_STAGE;
    if (is_lone || session->record_layers)
        return diary;
    size_t spans_max = (size_t)DIARY_STEPS * diary->spans_a_step;
    size_t links_max = (size_t)DIARY_STEPS * diary->links_a_step;
    diary->spans = arena_calloc(arena, spans_max, sizeof(*diary->spans));
    diary->links = arena_calloc(arena, links_max, sizeof(*diary->links));
    diary->steps = arena_calloc(arena, DIARY_STEPS, sizeof(*diary->steps));
    if (diary->spans && diary->links && diary->steps)
        return diary;
    error_out_of_memory(error, "timeline");
    return NULL;
}

static uint32_t span_room(const struct diary *diary)
{
    return DIARY_STEPS * diary->spans_a_step - diary->span_count;
}

static uint32_t link_room(const struct diary *diary)
{
    return DIARY_STEPS * diary->links_a_step - diary->link_count;
}

static void write_links(struct session *session, struct link_record record, const uint32_t *links,
                        uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        record.link = links[i];
        session_record_link(session, &record);
    }
}

void diary_write(struct diary *diary)
{
    for (uint32_t i = 0; i < diary->step_count; i++)
        session_record_step(diary->session, &diary->steps[i]);
    for (uint32_t i = 0; i < diary->span_count; i++)
        session_record_span(diary->session, &diary->spans[i]);
    for (uint32_t i = 0; i < diary->link_count; i++)
        write_links(diary->session, diary->links[i].record, diary->links[i].links,
                    diary->links[i].count);
    diary->step_count = 0;
    diary->span_count = 0;
    diary->link_count = 0;
}

void diary_add_step(struct diary *diary, const struct step_record *step)
{
    if (diary->steps)
        diary->steps[diary->step_count++] = *step;
    else
        session_record_step(diary->session, step);
}

void diary_add_span(struct diary *diary, const struct span_record *span)
{
    if (!diary->steps) {
        session_record_span(diary->session, span);
        return;
    }
    if (span_room(diary) == 0)
        diary_write(diary);
    diary->spans[diary->span_count++] = *span;
}

static inline uint64_t steps_before_last(uint64_t number)
{
    return DIARY_STEPS - 1 - number % DIARY_STEPS;
}

void diary_end_step(struct diary *diary, uint64_t number)
{
    if (steps_before_last(number) == 0)
        diary_write(diary);
}

void diary_add_links(struct diary *diary, const struct link_record *record, const uint32_t *links,
                     uint32_t count)
{
    if (!diary->steps) {
        write_links(diary->session, *record, links, count);
        return;
    }
    if (link_room(diary) == 0)
        diary_write(diary);
    diary->links[diary->link_count++] =
        (struct diary_links){.record = *record, .links = links, .count = count};
}

uint64_t diary_sleep_max(const struct diary *diary, uint64_t number)
{
    if (!diary->steps)
        return 0;
    uint64_t room =
        u64_min(span_room(diary) / diary->spans_a_step, link_room(diary) / diary->links_a_step);
    return u64_min(room, steps_before_last(number));
}
