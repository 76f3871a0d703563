#include "hdf5_attribute.h"

#include "hdf5_error.h"

/* Writes `values` in `space`; closes `type` and `space`, which may be invalid. */
static int write_attribute(hid_t object, const char *path, const char *name, hid_t type,
                           hid_t space, const void *values, struct error *error)
{
    hid_t attribute = H5I_INVALID_HID;
    if (type >= 0 && space >= 0)
        attribute = H5Acreate2(object, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    bool is_written = attribute >= 0 && H5Awrite(attribute, type, values) >= 0;
    int status = is_written ? 0 : hdf5_error_set(error, "write", path);
    if (attribute >= 0)
        H5Aclose(attribute);
    if (space >= 0)
        H5Sclose(space);
    if (type >= 0)
        H5Tclose(type);
    return status;
}

static hid_t text_type(void)
{
    hid_t type = H5Tcopy(H5T_C_S1);
    if (type < 0)
        return type;
    if (H5Tset_size(type, H5T_VARIABLE) < 0 || H5Tset_cset(type, H5T_CSET_UTF8) < 0) {
        H5Tclose(type);
        return H5I_INVALID_HID;
    }
    return type;
}

static hid_t bool_type(void)
{
    static const int8_t is_false = 0;
    static const int8_t is_true = 1;
    hid_t type = H5Tenum_create(H5T_NATIVE_INT8);
    if (type < 0)
        return type;
    if (H5Tenum_insert(type, "FALSE", &is_false) < 0 ||
        H5Tenum_insert(type, "TRUE", &is_true) < 0) {
        H5Tclose(type);
        return H5I_INVALID_HID;
    }
    return type;
}

int hdf5_attribute_text(hid_t object, const char *path, const char *name, const char *text,
                        struct error *error)
{
    return write_attribute(object, path, name, text_type(), H5Screate(H5S_SCALAR), &text, error);
}

int hdf5_attribute_texts(hid_t object, const char *path, const char *name, const char *const *texts,
                         size_t count, struct error *error)
{
    hsize_t length = count;
    return write_attribute(object, path, name, text_type(), H5Screate_simple(1, &length, NULL),
                           texts, error);
}

int hdf5_attribute_double(hid_t object, const char *path, const char *name, double value,
                          struct error *error)
{
    return write_attribute(object, path, name, H5Tcopy(H5T_NATIVE_DOUBLE), H5Screate(H5S_SCALAR),
                           &value, error);
}

int hdf5_attribute_int(hid_t object, const char *path, const char *name, int64_t value,
                       struct error *error)
{
    return write_attribute(object, path, name, H5Tcopy(H5T_NATIVE_INT64), H5Screate(H5S_SCALAR),
                           &value, error);
}

int hdf5_attribute_uint(hid_t object, const char *path, const char *name, uint64_t value,
                        struct error *error)
{
    return write_attribute(object, path, name, H5Tcopy(H5T_NATIVE_UINT64), H5Screate(H5S_SCALAR),
                           &value, error);
}

int hdf5_attribute_bool(hid_t object, const char *path, const char *name, bool value,
                        struct error *error)
{
    int8_t stored = value;
    return write_attribute(object, path, name, bool_type(), H5Screate(H5S_SCALAR), &stored, error);
}
