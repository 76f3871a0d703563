#include "nexus.h"

#include "hdf5_attribute.h"
#include "hdf5_error.h"

#include <assert.h>
#include <stdbool.h>

hid_t nexus_group_create(const struct nexus *nexus, hid_t parent, const char *name,
                         const char *class_name)
{
    hid_t group = H5I_INVALID_HID;
    hid_t properties = H5Pcreate(H5P_GROUP_CREATE);
    if (properties >= 0 && H5Pset_obj_track_times(properties, false) >= 0)
        group = H5Gcreate2(parent, name, H5P_DEFAULT, properties, H5P_DEFAULT);
    if (group < 0)
        (void)hdf5_error_set(nexus->error, "write", nexus->path);
    if (properties >= 0)
        H5Pclose(properties);
    if (group >= 0 &&
        hdf5_attribute_text(group, nexus->path, "NX_class", class_name, nexus->error) < 0) {
        H5Gclose(group);
        group = H5I_INVALID_HID;
    }
    return group;
}

int nexus_field_write(const struct nexus *nexus, hid_t group, const struct nexus_field *field,
                      size_t count)
{
    hsize_t length = count;
    hid_t dataset = H5I_INVALID_HID;
    hid_t properties = H5Pcreate(H5P_DATASET_CREATE);
    hid_t space = H5Screate_simple(1, &length, NULL);
    if (properties >= 0 && space >= 0 && H5Pset_obj_track_times(properties, false) >= 0)
        dataset = H5Dcreate2(group, field->name, field->type, space, H5P_DEFAULT, properties,
                             H5P_DEFAULT);
    bool is_written = dataset >= 0 && H5Dwrite(dataset, field->type, H5S_ALL, H5S_ALL, H5P_DEFAULT,
                                               field->values) >= 0;
    int status = is_written ? 0 : hdf5_error_set(nexus->error, "write", nexus->path);
    if (status == 0)
        status = hdf5_attribute_text(dataset, nexus->path, "units", field->units, nexus->error);
    if (status == 0)
        status = hdf5_attribute_text(dataset, nexus->path, "long_name", field->title, nexus->error);
    if (dataset >= 0)
        H5Dclose(dataset);
    if (space >= 0)
        H5Sclose(space);
    if (properties >= 0)
        H5Pclose(properties);
    return status;
}

/* Says what of the group is drawn: fields[0] against fields[1], with those from [2] on beside it.
 */
static int write_roles(const struct nexus *nexus, hid_t group, const char *title,
                       const struct nexus_field *fields, size_t field_count)
{
    const char *beside[NEXUS_FIELDS_MAX];
    assert(field_count >= 2 && field_count <= NEXUS_FIELDS_MAX);
    for (size_t i = 2; i < field_count; i++)
        beside[i - 2] = fields[i].name;
    int status = hdf5_attribute_text(group, nexus->path, "signal", fields[0].name, nexus->error);
    if (status == 0)
        status = hdf5_attribute_text(group, nexus->path, "axes", fields[1].name, nexus->error);
    if (status == 0 && field_count > 2)
        status = hdf5_attribute_texts(group, nexus->path, "auxiliary_signals", beside,
                                      field_count - 2, nexus->error);
    if (status == 0)
        status = hdf5_attribute_text(group, nexus->path, "title", title, nexus->error);
    return status;
}

hid_t nexus_data_create(const struct nexus *nexus, hid_t parent, const char *name,
                        const char *title, const struct nexus_field *fields, size_t field_count,
                        size_t count)
{
    hid_t group = nexus_group_create(nexus, parent, name, "NXdata");
    if (group < 0)
        return group;
    int status = write_roles(nexus, group, title, fields, field_count);
    for (size_t i = 0; i < field_count && status == 0; i++)
        status = nexus_field_write(nexus, group, &fields[i], count);
    if (status == 0)
        return group;
    H5Gclose(group);
    return H5I_INVALID_HID;
}
