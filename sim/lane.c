#include "lane.h"

#include "heap.h"

#include <string.h>

static bool completes_before(const struct lane_completion *a, const struct lane_completion *b)
{
    return a->at_step != b->at_step ? a->at_step < b->at_step
                                    : a->request->admission < b->request->admission;
}

HEAP_DEFINE(completions, struct lane_completion, const void, completes_before, HEAP_UNTOLD)

int lane_init(struct lane *lane, uint32_t rows_max, uint32_t block_tokens, struct arena *arena,
              struct error *error)
{
    *lane = (struct lane){.block_tokens = block_tokens};
    lane->completions = arena_calloc(arena, rows_max, sizeof(*lane->completions));
    lane->joined = arena_calloc(arena, rows_max, sizeof(*lane->joined));
    lane->growth = arena_calloc(arena, block_tokens, sizeof(*lane->growth));
    if (!lane->completions || !lane->joined || !lane->growth)
        return error_out_of_memory(error, "decode lanes");
    return 0;
}

/* The growth counter of a row whose KV holds `position` tokens at the lane's present step. */
static uint32_t *growth_counter(struct lane *lane, uint64_t position)
{
    return &lane->growth[(position + lane->growing) % lane->block_tokens];
}

uint32_t lane_growth(const struct lane *lane)
{
    return lane->growth[lane->growing];
}

uint64_t lane_steps_to_spare(const struct lane *lane)
{
    return lane->live == 0 ? 0 : lane->completions[0].at_step - lane->steps - 1;
}

/* The cohort of a live row; NULL if there is none. */
static struct lane_cohort *cohort_of(struct lane *lane, sim_ps last_token)
{
    if (lane->latest.last_token == last_token && lane->latest.rows > 0)
        return &lane->latest;
    for (uint32_t i = lane->joined_count; i-- > 0;)
        if (lane->joined[i].last_token == last_token)
            return &lane->joined[i];
    return NULL;
}

static void cohort_add(struct lane *lane, sim_ps last_token)
{
    struct lane_cohort *cohort = cohort_of(lane, last_token);
    if (cohort)
        cohort->rows++;
    else
        lane->joined[lane->joined_count++] =
            (struct lane_cohort){.last_token = last_token, .rows = 1};
}

static void cohort_take(struct lane *lane, sim_ps last_token)
{
    struct lane_cohort *cohort = cohort_of(lane, last_token);
    if (--cohort->rows == 0 && cohort != &lane->latest)
        *cohort = lane->joined[--lane->joined_count];
}

void lane_join(struct lane *lane, struct request *request)
{
    assert(request->generated < request->output_tokens);
    request->joined = lane->steps;
    lane->rows++;
    lane->live++;
    lane->context_tokens += request->position + 1;
    ++*growth_counter(lane, request->position);
    if (request->counted)
        cohort_add(lane, request->last_token);
    request_list_insert(&lane->members, request);
    struct lane_completion completion = {
        .at_step = lane->steps + request->output_tokens - request->generated, .request = request};
    completions_insert(lane->completions, &lane->completion_count, completion, NULL);
}

/* Takes a member off the list and brings its figures up to date; its row stays in the batch. */
static void detach(struct lane *lane, struct request *request)
{
    request_list_remove(&lane->members, request);
    uint32_t steps = (uint32_t)(lane->steps - request->joined);
    request->generated += steps;
    request->position += steps;
    lane->live--;
    if (steps > 0)
        request->last_token = lane->latest.last_token;
    if (request->counted)
        cohort_take(lane, request->last_token);
}

static void remove_row(struct lane *lane, const struct request *request)
{
    lane->rows--;
    lane->context_tokens -= request->position + 1;
    --*growth_counter(lane, request->position);
}

void lane_leave(struct lane *lane, struct request *request)
{
    uint32_t place = 0;
    while (lane->completions[place].request != request)
        place++;
    completions_remove(lane->completions, &lane->completion_count, place, NULL);
    detach(lane, request);
    remove_row(lane, request);
}

void lane_split(struct lane *from, uint32_t rows, struct lane *to)
{
    while (from->rows > rows) {
        struct request *youngest = from->members.last;
        lane_leave(from, youngest);
        lane_join(to, youngest);
    }
}

void lane_merge(struct lane *into, struct lane *from)
{
    from->completion_count = 0; /* all leave */
    while (from->members.last) {
        struct request *youngest = from->members.last;
        detach(from, youngest);
        remove_row(from, youngest);
        lane_join(into, youngest);
    }
}

void lane_step(struct lane *lane, sim_ps now, struct quantiles *itl)
{
    if (lane->latest.rows > 0)
        quantiles_add(itl, now - lane->latest.last_token, lane->latest.rows);
    for (uint32_t i = 0; i < lane->joined_count; i++) {
        quantiles_add(itl, now - lane->joined[i].last_token, lane->joined[i].rows);
        lane->latest.rows += lane->joined[i].rows;
    }
    lane->joined_count = 0;
    (void)lane_step_on(lane, 1, now);
}

uint64_t lane_step_on(struct lane *lane, uint64_t count, sim_ps now)
{
    uint64_t blocks = 0;
    for (uint64_t i = 0; i < count; i++) {
        lane->growing = lane->growing == 0 ? lane->block_tokens - 1 : lane->growing - 1;
        blocks += lane->growth[lane->growing];
    }
    lane->steps += count;
    lane->context_tokens += count * lane->rows;
    lane->latest.last_token = now;
    return blocks;
}

struct request *lane_pop_finished(struct lane *lane, bool hold)
{
    if (lane->completion_count == 0 || lane->completions[0].at_step > lane->steps)
        return NULL;
    struct request *request = lane->completions[0].request;
    completions_remove(lane->completions, &lane->completion_count, 0, NULL);
    detach(lane, request);
    if (!hold)
        remove_row(lane, request);
    return request;
}

void lane_clear(struct lane *lane)
{
    assert(lane->live == 0);
    lane->rows = 0;
    lane->context_tokens = 0;
    lane->joined_count = 0;
    lane->latest.rows = 0;
    memset(lane->growth, 0, lane->block_tokens * sizeof(*lane->growth));
}
