/* stream_copy: does it copy all it is given, and no more? */
#include "stream_copy.h"

#include "suite.h"

#define ROOM ((size_t)4096)

START_TEST(copies_from_any_place_to_any)
{
    /* Of every length up to some lines and from and to places in and between lines, expect the
       bytes to be there and those around them to be as they were. */
    _Alignas(STREAM_LINE_BYTES) static unsigned char from[ROOM];
    _Alignas(STREAM_LINE_BYTES) static unsigned char to[ROOM];
    static unsigned char expected[ROOM];
    static const size_t places[] = {0, 1, 16, STREAM_LINE_BYTES, 3 * STREAM_LINE_BYTES + 32};
    for (size_t i = 0; i < ROOM; i++)
        from[i] = (unsigned char)(i * 37 + i / 256);
    for (size_t bytes = 0; bytes <= 6 * STREAM_LINE_BYTES; bytes++) {
        size_t at = places[bytes % ARRAY_LENGTH(places)];
        for (size_t i = 0; i < ARRAY_LENGTH(places); i++) {
            memset(to, 0xee, ROOM);
            memset(expected, 0xee, ROOM);
            memcpy(expected + places[i], from + at, bytes);
            stream_copy(to + places[i], from + at, bytes);
            stream_end();
            ck_assert_mem_eq(to, expected, ROOM);
        }
    }
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {copies_from_any_place_to_any};
    return suite_run("stream_copy", tests, ARRAY_LENGTH(tests));
}
