#include "sample_twice.h"

#include <stdlib.h>
#include <string.h>

/* As many numbers as tell any two samples of one kind apart. */
#define KEY_NUMBERS 11

#define SLOTS_MIN 64

/* Of 0 there are no two: nothing that is measured is below it. */
struct key {
    double numbers[KEY_NUMBERS];
};

/* What tells the sample at `place` from others. */
typedef struct key key_maker(const void *samples, size_t place);

static size_t hash(const struct key *key)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < KEY_NUMBERS; i++) {
        uint64_t bits;
        memcpy(&bits, &key->numbers[i], sizeof(bits));
        sum = (sum ^ bits) * UINT64_C(0x9e3779b97f4a7c15); /* the golden ratio: spreads upwards */
        sum ^= sum >> 32;
    }
    return (size_t)sum;
}

/* Slots hold places, from 1 on, each at its key's hash or behind it where others are; 0: free. */
static int look_through(const void *samples, size_t count, key_maker *key_at, size_t *slots,
                        size_t slot_count, struct sample_pair *pair)
{
    for (size_t i = 0; i < count; i++) {
        struct key key = key_at(samples, i);
        size_t slot = hash(&key) % slot_count;
        for (; slots[slot] > 0; slot = (slot + 1) % slot_count) {
            struct key other = key_at(samples, slots[slot] - 1);
            if (memcmp(&key, &other, sizeof(key)) == 0) {
                *pair = (struct sample_pair){slots[slot] - 1, i};
                return 1;
            }
        }
        slots[slot] = i + 1;
    }
    return 0;
}

static int find(const void *samples, size_t count, key_maker *key_at, struct sample_pair *pair,
                struct error *error)
{
    size_t slot_count = SLOTS_MIN;
    while (slot_count < 2 * count)
        slot_count *= 2;
    size_t *slots = calloc(slot_count, sizeof(*slots));
    if (!slots)
        return error_out_of_memory(error, "measured costs");
    int found = look_through(samples, count, key_at, slots, slot_count, pair);
    free(slots);
    return found;
}

static struct key kernel_key(const void *samples, size_t place)
{
    const struct kernel_sample *sample = (const struct kernel_sample *)samples + place;
    const struct kernel_shape *shape = &sample->shape;
    return (struct key){{sample->x, sample->y, shape->n, shape->k, shape->heads, shape->kv_heads,
                         shape->beside, shape->experts, shape->top_k, shape->ranks,
                         (uint32_t)shape->op * DTYPE_COUNT + (uint32_t)shape->dtype}};
}

static struct key collective_key(const void *samples, size_t place)
{
    const struct collective_sample *sample = (const struct collective_sample *)samples + place;
    return (struct key){{sample->bytes, sample->ranks, collective_class_of(&sample->kind)}};
}

int sample_twice_kernel(const void *samples, size_t count, struct sample_pair *pair,
                        struct error *error)
{
    return find(samples, count, kernel_key, pair, error);
}

int sample_twice_collective(const void *samples, size_t count, struct sample_pair *pair,
                            struct error *error)
{
    return find(samples, count, collective_key, pair, error);
}
