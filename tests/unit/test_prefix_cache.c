/* prefix_cache: what is found again, what is forgotten first, and are the blocks right? */
#include "prefix_cache.h"

#include "dice.h"
#include "suite.h"

#include <stdio.h>

#define BLOCK_TOKENS 16
#define PIECE_BLOCKS (REQUEST_PIECE_TOKENS / BLOCK_TOKENS)

/* A cache of so many pieces' blocks. */
struct setting {
    struct arena arena;
    struct kv_cache kv;
    struct prefix_cache cache;
};

static void set_up(struct setting *setting, uint64_t pieces)
{
    struct error error;
    arena_init(&setting->arena);
    setting->kv =
        (struct kv_cache){.block_tokens = BLOCK_TOKENS, .capacity_blocks = pieces * PIECE_BLOCKS};
    ck_assert_int_eq(prefix_cache_init(&setting->cache, &setting->kv, &error), 0);
}

static void tear_down(struct setting *setting)
{
    prefix_cache_release(&setting->cache);
    arena_release(&setting->arena);
}

/* A prompt of `tokens`, of which the first `count` pieces have these ids. */
static struct request prompt(struct setting *setting, uint32_t tokens, const uint64_t *ids,
                             uint32_t count)
{
    struct request request = {.input_tokens = tokens, .target = tokens};
    uint32_t shared = u32_min(tokens, count * REQUEST_PIECE_TOKENS);
    ck_assert(request_begin_with(&request, ids, count, shared, &setting->arena));
    return request;
}

static uint64_t blocks_of(const struct setting *setting, const struct request *request)
{
    return kv_cache_blocks(&setting->kv, request->target);
}

/* Admits a request and prefills all of it; returns the tokens that were found. */
static uint32_t serve(struct setting *setting, struct request *request)
{
    struct prefix_match match = prefix_cache_match(&setting->cache, request);
    prefix_cache_take(&setting->cache, request, match, blocks_of(setting, request));
    request->position = request->target;
    prefix_cache_note(&setting->cache, request);
    return match.tokens;
}

static void end(struct setting *setting, struct request *request)
{
    prefix_cache_give(&setting->cache, request, blocks_of(setting, request));
    request->position = 0;
}

static uint32_t serve_to_the_end(struct setting *setting, struct request *request)
{
    uint32_t found = serve(setting, request);
    end(setting, request);
    return found;
}

START_TEST(a_prompts_beginning_is_found)
{
    /* Of 1,200 tokens that are told whole, two pieces of 512 and 11 whole blocks of the last 176
       can be found; the same prompt again computes at least its last token, so its last block:
       1,184. */
    static const uint64_t ids[] = {1, 2, 3};
    static const uint64_t other_ids[] = {1, 2, 4};
    struct setting setting;
    set_up(&setting, 16);
    struct request first = prompt(&setting, 1200, ids, 3);
    struct request again = prompt(&setting, 1200, ids, 3);
    struct request other = prompt(&setting, 1200, other_ids, 3);
    ck_assert_uint_eq(serve_to_the_end(&setting, &first), 0);
    ck_assert_uint_eq(serve_to_the_end(&setting, &again), 1184);
    ck_assert_uint_eq(serve_to_the_end(&setting, &other), 1024);
    ck_assert_uint_eq(setting.kv.used_blocks, 0);
    tear_down(&setting);
}
END_TEST

START_TEST(what_is_held_together_is_held_once)
{
    /* Two requests of the same 1,024 tokens and 160 others each: 64 blocks in common and twice 10.
       As the first ends it gives 10 back; nothing is idle that the other holds. */
    static const uint64_t ids[] = {1, 2};
    struct setting setting;
    set_up(&setting, 16);
    struct request first = prompt(&setting, 1184, ids, 2);
    struct request second = prompt(&setting, 1184, ids, 2);
    ck_assert_uint_eq(serve(&setting, &first), 0);
    struct prefix_match match = prefix_cache_match(&setting.cache, &second);
    ck_assert_uint_eq(match.held_blocks, 64);
    ck_assert_uint_eq(serve(&setting, &second), 1024);
    ck_assert_uint_eq(setting.kv.used_blocks, 64 + 10 + 10);
    end(&setting, &first);
    ck_assert_uint_eq(setting.kv.used_blocks, 64 + 10);
    ck_assert_uint_eq(setting.cache.idle_blocks, 10);
    end(&setting, &second);
    ck_assert_uint_eq(setting.kv.used_blocks, 0);
    ck_assert_uint_eq(setting.cache.idle_blocks, 64 + 10 + 10);
    ck_assert_uint_eq(setting.kv.peak_blocks, 64 + 10 + 10);
    tear_down(&setting);
}
END_TEST

START_TEST(prompts_at_the_same_time_have_a_copy_each)
{
    /* Neither finds what the other has not computed yet; both give all back. */
    static const uint64_t ids[] = {1};
    struct setting setting;
    set_up(&setting, 8);
    struct request first = prompt(&setting, 600, ids, 1);
    struct request second = prompt(&setting, 600, ids, 1);
    struct prefix_match none = prefix_cache_match(&setting.cache, &second);
    prefix_cache_take(&setting.cache, &first, none, 38);
    prefix_cache_take(&setting.cache, &second, none, 38);
    first.position = second.position = 600;
    prefix_cache_note(&setting.cache, &first);
    prefix_cache_note(&setting.cache, &second);
    ck_assert_uint_eq(setting.kv.used_blocks, 76);
    ck_assert_uint_eq(first.prefix->shared_blocks, 32);
    ck_assert_uint_eq(second.prefix->shared_blocks, 0);
    end(&setting, &first);
    end(&setting, &second);
    ck_assert_uint_eq(setting.kv.used_blocks, 0);
    ck_assert_uint_eq(setting.cache.idle_blocks, 76);
    tear_down(&setting);
}
END_TEST

START_TEST(the_longest_unused_goes_first_and_ends_before_beginnings)
{
    /* Room for four pieces holds a's two and b's two. c's one takes that of a's second piece, which
       is older than b's and comes before a's first; then a is found as far as its first. */
    static const uint64_t a[] = {1, 2};
    static const uint64_t b[] = {3, 4};
    static const uint64_t c[] = {5};
    struct setting setting;
    set_up(&setting, 4);
    struct request of_a = prompt(&setting, 1024, a, 2);
    struct request of_b = prompt(&setting, 1024, b, 2);
    struct request of_c = prompt(&setting, 512, c, 1);
    (void)serve_to_the_end(&setting, &of_a);
    (void)serve_to_the_end(&setting, &of_b);
    (void)serve_to_the_end(&setting, &of_c);
    ck_assert_uint_eq(prefix_cache_match(&setting.cache, &of_a).pieces, 1);
    ck_assert_uint_eq(prefix_cache_match(&setting.cache, &of_b).pieces, 2);
    ck_assert_uint_eq(prefix_cache_match(&setting.cache, &of_c).pieces, 1);
    tear_down(&setting);
}
END_TEST

START_TEST(what_nobody_can_find_makes_room_block_by_block)
{
    /* A request without pieces leaves 40 blocks behind; one of 30 more than are free takes 30 of
       those, and a piece that is younger stays. */
    static const uint64_t a[] = {1};
    struct setting setting;
    set_up(&setting, 4);
    struct request plain = prompt(&setting, 640, NULL, 0);
    struct request of_a = prompt(&setting, 512, a, 1);
    struct request large = prompt(&setting, (56 + 30) * BLOCK_TOKENS, NULL, 0);
    (void)serve_to_the_end(&setting, &plain);
    (void)serve_to_the_end(&setting, &of_a);
    ck_assert_uint_eq(setting.cache.idle_blocks, 40 + 32);
    (void)serve(&setting, &large);
    ck_assert_uint_eq(setting.cache.idle_blocks, 10 + 32);
    ck_assert_uint_eq(prefix_cache_match(&setting.cache, &of_a).pieces, 1);
    end(&setting, &large);
    tear_down(&setting);
}
END_TEST

START_TEST(pieces_of_another_length_are_others)
{
    /* A trace may name a piece of 512 tokens and a shorter one alike: they do not match. */
    static const uint64_t ids[] = {1};
    struct setting setting;
    set_up(&setting, 4);
    struct request whole = prompt(&setting, 512, ids, 1);
    struct request part = prompt(&setting, 300, ids, 1);
    (void)serve_to_the_end(&setting, &whole);
    ck_assert_uint_eq(serve_to_the_end(&setting, &part), 0);
    ck_assert_uint_eq(setting.kv.used_blocks, 0);
    tear_down(&setting);
}
END_TEST

START_TEST(a_cleared_cache_knows_nothing)
{
    static const uint64_t ids[] = {1};
    struct setting setting;
    set_up(&setting, 4);
    struct request request = prompt(&setting, 600, ids, 1);
    (void)serve_to_the_end(&setting, &request);
    prefix_cache_clear(&setting.cache);
    ck_assert_uint_eq(setting.cache.idle_blocks, 0);
    ck_assert_uint_eq(serve_to_the_end(&setting, &request), 0);
    tear_down(&setting);
}
END_TEST

/* Requests that run in the random test, and what they may begin with. */
#define RUNNING_MAX 6
#define CHAINS 9
#define CHAIN_PIECES 4
#define ENTRIES_MAX 128

/* Blocks that requests hold: their own, and each piece's once. */
static uint64_t held_blocks(const struct setting *setting, const struct request *running,
                            const bool *is_running)
{
    bool is_counted[ENTRIES_MAX] = {false};
    uint64_t blocks = 0;
    ck_assert_uint_le(setting->cache.capacity, ENTRIES_MAX);
    for (size_t i = 0; i < RUNNING_MAX; i++) {
        if (!is_running[i])
            continue;
        blocks += blocks_of(setting, &running[i]) - running[i].prefix->shared_blocks;
        for (uint32_t p = 0; p < running[i].prefix->count; p++) {
            uint32_t entry = running[i].prefix->pieces[p].entry;
            if (entry == REQUEST_NO_ENTRY || is_counted[entry])
                continue;
            is_counted[entry] = true;
            blocks += PIECE_BLOCKS;
        }
    }
    return blocks;
}

START_TEST(blocks_are_neither_lost_nor_made)
{
    /* Requests come and go at random, of chains of pieces with beginnings in common: expect what is
       held to be the sum of what each holds, pieces in common once, held and idle ones to fit, and
       all to be free in the end, also where there is room for fewer pieces than blocks would do. */
    struct dice dice = {.state = dice_seed(4)};
    struct setting setting;
    struct request running[RUNNING_MAX];
    bool is_running[RUNNING_MAX] = {false};
    set_up(&setting, 30);
    for (int round = 0; round < 20000; round++) {
        size_t i = (size_t)(dice_next(&dice) % RUNNING_MAX);
        EXPECT(setting.kv.used_blocks == held_blocks(&setting, running, is_running));
        EXPECT(setting.kv.used_blocks + setting.cache.idle_blocks <= setting.kv.capacity_blocks);
        if (is_running[i]) {
            end(&setting, &running[i]);
            is_running[i] = false;
            continue;
        }
        uint64_t chain = dice_next(&dice) % CHAINS;
        uint64_t ids[CHAIN_PIECES];
        for (uint64_t p = 0; p < CHAIN_PIECES; p++)
            ids[p] = p * 100 + (p < chain % 3 ? chain % 3 : chain);
        uint32_t count = (uint32_t)(dice_next(&dice) % (CHAIN_PIECES + 1));
        uint32_t tokens = 1 + count * REQUEST_PIECE_TOKENS + (uint32_t)(dice_next(&dice) % 300);
        running[i] = prompt(&setting, tokens, ids, count);
        struct prefix_match match = prefix_cache_match(&setting.cache, &running[i]);
        if (blocks_of(&setting, &running[i]) - match.held_blocks >
            kv_cache_free_blocks(&setting.kv))
            continue;
        (void)serve(&setting, &running[i]);
        is_running[i] = true;
    }
    for (size_t i = 0; i < RUNNING_MAX; i++)
        if (is_running[i])
            end(&setting, &running[i]);
    ck_assert_uint_eq(setting.kv.used_blocks, 0);
    tear_down(&setting);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        a_prompts_beginning_is_found,
        what_is_held_together_is_held_once,
        prompts_at_the_same_time_have_a_copy_each,
        the_longest_unused_goes_first_and_ends_before_beginnings,
        what_nobody_can_find_makes_room_block_by_block,
        pieces_of_another_length_are_others,
        a_cleared_cache_knows_nothing,
        blocks_are_neither_lost_nor_made,
    };
    return suite_run("prefix_cache", tests, ARRAY_LENGTH(tests));
}
