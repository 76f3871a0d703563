#include "sample_twice.h"

#include <stdlib.h>

/* As many numbers as tell any two samples of one kind apart. */
#define KEY_NUMBERS 11

struct key {
    double numbers[KEY_NUMBERS];
    size_t place;
};

static int compare_numbers(const struct key *a, const struct key *b)
{
    for (size_t i = 0; i < KEY_NUMBERS; i++)
        if (a->numbers[i] != b->numbers[i])
            return a->numbers[i] < b->numbers[i] ? -1 : 1;
    return 0;
}

static int compare(const void *a, const void *b)
{
    const struct key *one = a;
    const struct key *other = b;
    int order = compare_numbers(one, other);
    if (order != 0)
        return order;
    return one->place < other->place ? -1 : one->place > other->place;
}

/* Sorts the keys; equals then stand side by side, in order. */
static int find(struct key *keys, size_t count, struct sample_pair *pair)
{
    int found = 0;
    qsort(keys, count, sizeof(*keys), compare);
    for (size_t i = 1; i < count; i++) {
        if (compare_numbers(&keys[i - 1], &keys[i]) != 0)
            continue;
        if (found == 0 || keys[i].place < pair->later)
            *pair = (struct sample_pair){keys[i - 1].place, keys[i].place};
        found = 1;
    }
    return found;
}

static struct key *keys_new(size_t count, struct error *error)
{
    struct key *keys = calloc(count + 1, sizeof(*keys));
    if (!keys)
        (void)error_out_of_memory(error, "measured costs");
    return keys;
}

int sample_twice_kernel(const void *array, size_t count, struct sample_pair *pair,
                        struct error *error)
{
    const struct kernel_sample *samples = array;
    struct key *keys = keys_new(count, error);
    if (!keys)
        return -ERROR_MEMORY;
    for (size_t i = 0; i < count; i++) {
        const struct kernel_shape *shape = &samples[i].shape;
        keys[i] =
            (struct key){{samples[i].x, samples[i].y, shape->n, shape->k, shape->heads,
                          shape->kv_heads, shape->beside, shape->experts, shape->top_k,
                          shape->ranks, (uint32_t)shape->op * DTYPE_COUNT + (uint32_t)shape->dtype},
                         i};
    }
    int found = find(keys, count, pair);
    free(keys);
    return found;
}

int sample_twice_collective(const void *array, size_t count, struct sample_pair *pair,
                            struct error *error)
{
    const struct collective_sample *samples = array;
    struct key *keys = keys_new(count, error);
    if (!keys)
        return -ERROR_MEMORY;
    for (size_t i = 0; i < count; i++) {
        const struct collective_kind *kind = &samples[i].kind;
        keys[i] = (struct key){{samples[i].bytes, samples[i].ranks, collective_class_of(kind)}, i};
    }
    int found = find(keys, count, pair);
    free(keys);
    return found;
}
