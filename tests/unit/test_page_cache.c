/* page_cache: does a file that grows leave memory behind it? */
#define _GNU_SOURCE /* mincore() */
#include "page_cache.h"

#include "suite.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#define PIECE_BYTES ((size_t)1 << 20)
#define PIECES 64

/* A file without a name, in the folder that the test runs in: one under /tmp may never leave
 * memory.
 */
static int nameless_file(void)
{
    char path[] = "page-cache-XXXXXX";
    int descriptor = mkstemp(path);
    ck_assert_int_ge(descriptor, 0);
    ck_assert_int_eq(unlink(path), 0);
    return descriptor;
}

static void write_piece(int descriptor)
{
    static char piece[PIECE_BYTES];
    ck_assert_int_eq(write(descriptor, piece, sizeof(piece)), sizeof(piece));
    ck_assert_int_eq(fdatasync(descriptor), 0);
}

/* The bytes of a file's first pieces that are in memory. */
static size_t bytes_in_memory(int descriptor, size_t pieces)
{
    static unsigned char is_there[PIECES * PIECE_BYTES / 512];
    size_t bytes = pieces * PIECE_BYTES;
    size_t page_bytes = (size_t)sysconf(_SC_PAGESIZE);
    size_t pages = 0;
    void *file = mmap(NULL, bytes, PROT_READ, MAP_SHARED, descriptor, 0);
    ck_assert_ptr_ne(file, MAP_FAILED);
    ck_assert_int_eq(mincore(file, bytes, is_there), 0);
    ck_assert_int_eq(munmap(file, bytes), 0);
    for (size_t i = 0; i < bytes / page_bytes; i++)
        pages += is_there[i] & 1;
    return pages * page_bytes;
}

/* Whether the folder is on a disk: its system forgets a file's pages where it is told to. */
static bool forgets(void)
{
    int descriptor = nameless_file();
    write_piece(descriptor);
    ck_assert_int_eq(posix_fadvise(descriptor, 0, 0, POSIX_FADV_DONTNEED), 0);
    size_t bytes = bytes_in_memory(descriptor, 1);
    ck_assert_int_eq(close(descriptor), 0);
    return bytes == 0;
}

START_TEST(only_a_files_end_stays_in_memory)
{
    /* Written piece by piece by who tells of each, where the disk keeps up: of 64 MiB the last 8
       stay, and those since pages were last asked for, 2 at the most. */
    if (!forgets()) {
        puts("skipped: this folder's files stay in memory");
        return;
    }
    int descriptor = nameless_file();
    struct page_cache cache = {.descriptor = descriptor};
    for (size_t piece = 1; piece <= PIECES; piece++) {
        write_piece(descriptor);
        page_cache_add(&cache, PIECE_BYTES);
        ck_assert_uint_le(bytes_in_memory(descriptor, piece),
                          PAGE_CACHE_KEPT_BYTES + 2 * PIECE_BYTES);
    }
    ck_assert_uint_ge(bytes_in_memory(descriptor, PIECES), PAGE_CACHE_KEPT_BYTES);
    ck_assert_int_eq(close(descriptor), 0);
}
END_TEST

START_TEST(no_file_is_no_fault)
{
    /* Where nothing is known of the file it is written as ever. */
    struct page_cache cache = {.descriptor = -1};
    page_cache_add(&cache, PIECES * PIECE_BYTES);
    ck_assert_uint_eq(cache.unsent_bytes, 0);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        only_a_files_end_stays_in_memory,
        no_file_is_no_fault,
    };
    return suite_run("page_cache", tests, ARRAY_LENGTH(tests));
}
