#include "stream_copy.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>

static bool begins_line(const void *place)
{
    return (uintptr_t)place % STREAM_LINE_BYTES == 0;
}

void stream_copy(void *to, const void *from, size_t bytes)
{
    if (!begins_line(to) || !begins_line(from)) {
        memcpy(to, from, bytes);
        return;
    }
    __m128i *to_vector = to;
    const __m128i *from_vector = from;
    size_t lines = bytes / STREAM_LINE_BYTES;
    for (size_t i = 0; i < lines * STREAM_LINE_BYTES / sizeof(*to_vector); i++)
        _mm_stream_si128(to_vector + i, _mm_load_si128(from_vector + i));
    memcpy((char *)to + lines * STREAM_LINE_BYTES, (const char *)from + lines * STREAM_LINE_BYTES,
           bytes % STREAM_LINE_BYTES);
}

void stream_end(void)
{
    _mm_sfence(); /* streaming stores keep no order otherwise */
}

#else

void stream_copy(void *to, const void *from, size_t bytes)
{
    memcpy(to, from, bytes);
}

void stream_end(void)
{
}

#endif
