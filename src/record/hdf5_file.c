#include "hdf5_file.h"

#include "hdf5_error.h"

int hdf5_file_open(struct hdf5_file *file, const char *path, struct error *error)
{
    *file = (struct hdf5_file){.id = 0};
    int status = output_path_init(&file->output, path, error);
    if (status < 0)
        return status;
    hdf5_error_init();
    hid_t id = H5Fcreate(file->output.partial, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    if (id < 0)
        return hdf5_error_set(error, "create", file->output.partial);
    file->id = id;
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
