#include "hdf5_file.h"

#include "hdf5_error.h"
#include "output_path.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#define WRITER_PAUSES 300 /* 3 s: what a killed process may take to be gone */

static int io_error(struct error *error, const char *action, const char *path)
{
    return error_set(error, ERROR_IO, "cannot %s %s: %s", action, path, strerror(errno));
}

/* Waits until nobody holds HDF5's lock on a file, if there is one; not for long. */
static void wait_for_writer(const char *path)
{
    const struct timespec pause = {.tv_nsec = 10000000};
    int descriptor = open(path, O_RDWR | O_CLOEXEC);
    if (descriptor < 0)
        return;
    for (int i = 0; i < WRITER_PAUSES && flock(descriptor, LOCK_EX | LOCK_NB) < 0; i++)
        (void)nanosleep(&pause, NULL);
    (void)close(descriptor);
}

hid_t hdf5_file_create(const char *path)
{
    wait_for_writer(path);
    return H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
}

static int write_partial(const char *partial_path, hdf5_file_fill *fill, const void *context,
                         struct error *error)
{
    hid_t file = hdf5_file_create(partial_path);
    if (file < 0)
        return hdf5_error_set(error, "create", partial_path);
    int status = fill(file, partial_path, context, error);
    if (H5Fclose(file) < 0 && status == 0)
        status = hdf5_error_set(error, "write", partial_path);
    return status;
}

static int give_name(const char *partial_path, const char *path, struct error *error)
{
    int descriptor = open(partial_path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0)
        return io_error(error, "open", partial_path);
    int status = fsync(descriptor) < 0 ? io_error(error, "write", partial_path) : 0;
    (void)close(descriptor);
    if (status == 0 && rename(partial_path, path) < 0)
        status = io_error(error, "rename the output to", path);
    return status;
}

int hdf5_file_write(const char *path, hdf5_file_fill *fill, const void *context,
                    struct error *error)
{
    int status = output_path_check(path, error);
    if (status < 0)
        return status;
    static const char suffix[] = ".partial";
    char *partial_path = calloc(strlen(path) + sizeof(suffix), 1);
    if (!partial_path)
        return error_out_of_memory(error, "the output's path");
    (void)stpcpy(stpcpy(partial_path, path), suffix);
    hdf5_error_init();
    status = write_partial(partial_path, fill, context, error);
    if (status == 0)
        status = give_name(partial_path, path, error);
    if (status < 0)
        (void)unlink(partial_path);
    free(partial_path);
    return status;
}
