/*
 * heap: a four-ary implicit heap over an array of entries, as a template.
 *
 * Four children a node halve the depth of a binary heap, and lie side by side
 * (LaMarca and Ladner, ACM J. Exp. Algorithmics 1, 1996). Each entry's place is
 * told to its owner, so that any entry can be taken out in O(log n).
 *
 * HEAP_DEFINE(name, type, context, PRECEDES, MOVED) defines
 *   void name_insert(type *heap, uint32_t *count, type entry, context *)
 *   void name_remove(type *heap, uint32_t *count, uint32_t place, context *)
 * where PRECEDES(const type *a, const type *b) orders entries strictly and
 * MOVED(context, const type *entry, uint32_t place) notes where one lies now:
 * HEAP_UNTOLD where nobody asks.
 */
#ifndef TANDEM_HEAP_H
#define TANDEM_HEAP_H

#include "base.h"

#define HEAP_ARITY 4

#define HEAP_UNTOLD(context, entry, place) ((void)(context))

#define HEAP_DEFINE(name, type, context_type, PRECEDES, MOVED)                                   \
    static inline void name##_put(type *heap, uint32_t place, type entry, context_type *context) \
    {                                                                                            \
        heap[place] = entry;                                                                     \
        MOVED(context, &heap[place], place);                                                     \
    }                                                                                            \
                                                                                                 \
    static inline void name##_sift_up(type *heap, uint32_t place, type entry,                    \
                                      context_type *context)                                     \
    {                                                                                            \
        while (place > 0) {                                                                      \
            uint32_t parent = (place - 1) / HEAP_ARITY;                                          \
            if (!PRECEDES(&entry, &heap[parent]))                                                \
                break;                                                                           \
            name##_put(heap, place, heap[parent], context);                                      \
            place = parent;                                                                      \
        }                                                                                        \
        name##_put(heap, place, entry, context);                                                 \
    }                                                                                            \
                                                                                                 \
    static inline void name##_sift_down(type *heap, uint32_t count, uint32_t place, type entry,  \
                                        context_type *context)                                   \
    {                                                                                            \
        for (;;) {                                                                               \
            uint64_t first = (uint64_t)place * HEAP_ARITY + 1;                                   \
            if (first >= count)                                                                  \
                break;                                                                           \
            uint32_t least = (uint32_t)first;                                                    \
            uint32_t end = (uint32_t)u64_min(first + HEAP_ARITY, count);                         \
            for (uint32_t child = least + 1; child < end; child++)                               \
                if (PRECEDES(&heap[child], &heap[least]))                                        \
                    least = child;                                                               \
            if (!PRECEDES(&heap[least], &entry))                                                 \
                break;                                                                           \
            name##_put(heap, place, heap[least], context);                                       \
            place = least;                                                                       \
        }                                                                                        \
        name##_put(heap, place, entry, context);                                                 \
    }                                                                                            \
                                                                                                 \
    static inline void name##_insert(type *heap, uint32_t *count, type entry,                    \
                                     context_type *context)                                      \
    {                                                                                            \
        name##_sift_up(heap, (*count)++, entry, context);                                        \
    }                                                                                            \
                                                                                                 \
    static inline void name##_remove(type *heap, uint32_t *count, uint32_t place,                \
                                     context_type *context)                                      \
    {                                                                                            \
        type last = heap[--*count];                                                              \
        if (place == *count)                                                                     \
            return;                                                                              \
        if (place > 0 && PRECEDES(&last, &heap[(place - 1) / HEAP_ARITY]))                       \
            name##_sift_up(heap, place, last, context);                                          \
        else                                                                                     \
            name##_sift_down(heap, *count, place, last, context);                                \
    }

#endif
