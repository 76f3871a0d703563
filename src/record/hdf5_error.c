#include "hdf5_error.h"

#include <hdf5.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REASON_BYTES 512

/* HDF5 would lock what it writes, only after it has cut it to nothing, and meet the lock that
   output_path holds. The environment has the last word on that, and is read once. */
static void leave_locks_to_us(void)
{
    static const char name[] = "HDF5_USE_FILE_LOCKING", off[] = "FALSE";
    const char *now = getenv(name);
    if (!now || strcmp(now, off) != 0) /* once: threads that begin later may read it */
        (void)setenv(name, off, 1);
}

void hdf5_error_init(void)
{
    leave_locks_to_us();
    /* A file that the full disk keeps from being closed stays open, and HDF5 1.10 crashes on it in
       its exit handler. The handler does nothing else that the end of the process does not. */
    (void)H5dont_atexit();
    (void)H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
}

/* Keeps the first description that the walk meets: the innermost. */
static herr_t keep_innermost(unsigned depth, const H5E_error2_t *entry, void *reason)
{
    (void)depth;
    if (!entry->desc || entry->desc[0] == '\0')
        return 0;
    (void)snprintf(reason, REASON_BYTES, "%s", entry->desc);
    return 1;
}

/* HDF5's file driver buries strerror()'s text among times and addresses; cuts the rest away. */
static void keep_system_message(char *reason)
{
    static const char before[] = "error message = '";
    char *message = strstr(reason, before);
    if (!message)
        return;
    message += strlen(before);
    size_t length = strcspn(message, "'");
    memmove(reason, message, length);
    reason[length] = '\0';
}

/* What HDF5 says of a file of another kind, for people. */
static const char *in_plain_words(const char *reason)
{
    return strcmp(reason, "file signature not found") == 0 ? "it is not an HDF5 file" : reason;
}

int hdf5_error_set(struct error *error, const char *action, const char *path)
{
    char reason[REASON_BYTES] = "HDF5 gave no reason";
    (void)H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, keep_innermost, reason);
    (void)H5Eclear2(H5E_DEFAULT); /* a thread that ends would leave its stack's texts behind */
    keep_system_message(reason);
    return error_set(error, ERROR_IO, "cannot %s %s: %s", action, path, in_plain_words(reason));
}
