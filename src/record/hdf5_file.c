#include "hdf5_file.h"

#include "hdf5_error.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define WRITER_PAUSES 300 /* 3 s: what a killed process may take to be gone */

/* Waits until nobody holds HDF5's lock on a file, if there is one; not for long. Whether it is
 * free. */
static bool wait_for_writer(const char *path)
{
    const struct timespec pause = {.tv_nsec = 10000000};
    int descriptor = open(path, O_RDWR | O_CLOEXEC);
    bool is_held = descriptor >= 0;
    for (int i = 0; i < WRITER_PAUSES && is_held; i++) {
        is_held = flock(descriptor, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK;
        if (is_held)
            (void)nanosleep(&pause, NULL);
    }
    if (descriptor >= 0)
        (void)close(descriptor);
    return !is_held;
}

static bool is_empty(const char *path)
{
    struct stat there;
    return stat(path, &there) == 0 && there.st_size == 0;
}

int hdf5_file_open(struct hdf5_file *file, const char *path, struct error *error)
{
    *file = (struct hdf5_file){.id = 0};
    int status = output_path_init(&file->output, path, error);
    if (status < 0)
        return status;
    const char *partial = file->output.partial;
    hdf5_error_init();
    if (!wait_for_writer(partial))
        return error_set(error, ERROR_IO, "another tandem is writing %s", partial);
    hid_t id = H5Fcreate(partial, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    if (id < 0) {
        file->output.is_partial = is_empty(partial); /* what a full disk leaves */
        return hdf5_error_set(error, "create", partial);
    }
    file->id = id;
    file->output.is_partial = true;
    return 0;
}

int hdf5_file_finish(struct hdf5_file *file, struct error *error)
{
    hid_t id = file->id;
    file->id = 0;
    if (H5Fclose(id) < 0)
        return hdf5_error_set(error, "write", file->output.partial);
    return output_path_keep(&file->output, error);
}

void hdf5_file_release(struct hdf5_file *file)
{
    if (file->id > 0)
        (void)H5Fclose(file->id);
    file->id = 0;
    output_path_release(&file->output);
}

int hdf5_file_write(const char *path, hdf5_file_fill *fill, const void *context,
                    struct error *error)
{
    struct hdf5_file file;
    int status = hdf5_file_open(&file, path, error);
    if (status == 0)
        status = fill(file.id, file.output.partial, context, error);
    if (status == 0)
        status = hdf5_file_finish(&file, error);
    hdf5_file_release(&file);
    return status;
}
