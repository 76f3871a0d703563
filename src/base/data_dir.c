#include "data_dir.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base.h"

/* Joins `parent` and `child` into `path`; false where that is too long or no folder. */
static bool is_folder(char path[DATA_DIR_BYTES], const char *parent, const char *child)
{
    int length = snprintf(path, DATA_DIR_BYTES, "%s/%s", parent, child);
    struct stat status;
    return length >= 0 && length < DATA_DIR_BYTES && stat(path, &status) == 0 &&
           S_ISDIR(status.st_mode);
}

/* The folder that holds the file `path`; false where it is too long or names none. */
static bool folder_of(char folder[DATA_DIR_BYTES], const char *path)
{
    const char *slash = strrchr(path, '/');
    if (slash == NULL || slash - path >= DATA_DIR_BYTES)
        return false;
    size_t length = (size_t)(slash - path);
    memcpy(folder, path, length);
    folder[length] = '\0';
    return true;
}

int data_dir_find_configs(char configs[DATA_DIR_BYTES], const struct data_dir_search *search,
                          struct error *error)
{
    static const char *const beside[] = {"configs", "share/tandem/configs"};
    char folder[DATA_DIR_BYTES];
    char parent[DATA_DIR_BYTES];

    /* A wrong setting is said, not passed over: the next folder might hold other numbers. */
    if (search->environment != NULL && search->environment[0] != '\0') {
        if (is_folder(configs, search->environment, "configs"))
            return 0;
        return error_set(error, ERROR_IO, "TANDEM_DATA_DIR is '%s', which has no folder 'configs'",
                         search->environment);
    }
    if (search->executable != NULL && folder_of(folder, search->executable) &&
        folder_of(parent, folder)) {
        for (size_t i = 0; i < ARRAY_LENGTH(beside); i++)
            if (is_folder(configs, parent, beside[i]))
                return 0;
    }
    if (is_folder(configs, TANDEM_DATA_DIR_DEFAULT, "configs"))
        return 0;
    return error_set(error, ERROR_IO,
                     "found no configs beside the program or in " TANDEM_DATA_DIR_DEFAULT
                     "; set TANDEM_DATA_DIR to the folder that holds 'configs'");
}

int data_dir_configs(char configs[DATA_DIR_BYTES], struct error *error)
{
    char executable[DATA_DIR_BYTES];
    ssize_t length = readlink("/proc/self/exe", executable, sizeof(executable) - 1);
    executable[length > 0 ? length : 0] = '\0';
    struct data_dir_search search = {.environment = getenv("TANDEM_DATA_DIR"),
                                     .executable = length > 0 ? executable : NULL};
    return data_dir_find_configs(configs, &search, error);
}

const char *data_dir_file(const char *name, const char *configs, char found[DATA_DIR_FILE_BYTES])
{
    static const char suffix[] = ".yaml";
    int length = snprintf(found, DATA_DIR_FILE_BYTES, "%s/%s%s", configs, name, suffix);
    if (access(name, F_OK) == 0 || length < 0 || length >= DATA_DIR_FILE_BYTES)
        return name;
    char *end = found + length - strlen(suffix);
    *end = '\0';
    if (access(found, R_OK) == 0)
        return found;
    *end = suffix[0];
    return access(found, R_OK) == 0 ? found : name;
}
