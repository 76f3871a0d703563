#include "config_file.h"

#include "output_path.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define FIRST_READ_BYTES ((size_t)32 << 10)

static void *out_of_memory(struct config_loader *loader)
{
    diagnostics_add_out_of_memory(loader->diagnostics);
    return NULL;
}

/* The part of `path` up to its last slash. */
static const char *directory_of(struct config_loader *loader, const char *path)
{
    char *directory = arena_strdup(loader->arena, path);
    if (!directory)
        return NULL;
    char *slash = strrchr(directory, '/');
    directory[slash ? slash + 1 - directory : 0] = '\0';
    return directory;
}

static struct source *new_source(struct config_loader *loader, const char *name,
                                 const char *directory)
{
    struct source *source = arena_calloc(loader->arena, 1, sizeof(*source));
    if (!source || !directory)
        return out_of_memory(loader);
    source->name = name;
    source->directory = directory;
    source->ordinal = loader->source_count++;
    return source;
}

struct source *config_source_new(struct config_loader *loader, const char *name, const char *text,
                                 size_t bytes)
{
    struct source *source = new_source(loader, name, directory_of(loader, name));
    if (!source)
        return NULL;
    source->text = text;
    source->bytes = bytes;
    return source;
}

struct source *config_source_new_option(struct config_loader *loader, const char *name)
{
    return new_source(loader, name, "");
}

/* Whether text begins as HDF5 files do: somebody took a run's output for its scenario. */
static bool is_hdf5(const char *text, size_t bytes)
{
    static const char signature[] = {'\x89', 'H', 'D', 'F', '\r', '\n', '\x1a', '\n'};
    return bytes >= sizeof(signature) && memcmp(text, signature, sizeof(signature)) == 0;
}

/* Reads all of `stream` into `*text`, which the caller frees, a NUL added after its `bytes`. */
static int read_stream(FILE *stream, const char *path, char **text, size_t *bytes,
                       struct error *error)
{
    size_t room = 0;
    *bytes = 0;
    do {
        room = room ? 2 * room : FIRST_READ_BYTES;
        char *larger = realloc(*text, room + 1);
        if (!larger)
            return error_out_of_memory(error, path);
        *text = larger;
        *bytes += fread(*text + *bytes, 1, room - *bytes, stream);
    } while (*bytes == room && *bytes <= CONFIG_FILE_BYTES_MAX);
    (*text)[*bytes] = '\0';
    if (ferror(stream))
        return error_set(error, ERROR_IO, "cannot read '%.1000s': %s", path, strerror(errno));
    if (is_hdf5(*text, *bytes))
        return error_set(error, ERROR_CONFIG,
                         "'%.1000s' is an HDF5 file, not YAML; results are read by 'tandem report' "
                         "and 'tandem export'",
                         path);
    if (*bytes > CONFIG_FILE_BYTES_MAX)
        return error_set(error, ERROR_CONFIG, "'%.1000s' is larger than %zu MiB", path,
                         CONFIG_FILE_BYTES_MAX >> 20);
    return 0;
}

/* Bytes of the byte order mark that Windows editors write; libyaml skips one only where it has to
   guess the encoding. */
static size_t mark_bytes(const char *text, size_t bytes)
{
    static const char mark[] = {'\xEF', '\xBB', '\xBF'};
    return bytes >= sizeof(mark) && memcmp(text, mark, sizeof(mark)) == 0 ? sizeof(mark) : 0;
}

int config_file_read(struct config_loader *loader, const char *path, const char **text,
                     size_t *bytes, struct error *error)
{
    FILE *stream = fopen(path, "rb");
    if (!stream)
        return error_set(error, ERROR_IO, "cannot read '%.1000s': %s", path, strerror(errno));
    char *read = NULL;
    int status = read_stream(stream, path, &read, bytes, error);
    if (status == 0) {
        assert(read);
        size_t skipped = mark_bytes(read, *bytes);
        *bytes -= skipped;
        char *kept = arena_calloc(loader->arena, *bytes + 1, 1);
        if (kept)
            *text = memcpy(kept, read + skipped, *bytes);
        else
            status = error_out_of_memory(error, path);
    }
    free(read);
    fclose(stream);
    return status;
}

struct source *config_file_open(struct config_loader *loader, const char *path,
                                struct position position)
{
    struct error error;
    const char *text = NULL;
    size_t bytes = 0;
    if (config_file_read(loader, path, &text, &bytes, &error) == 0)
        return config_source_new(loader, path, text, bytes);
    if (error.code == ERROR_MEMORY)
        return out_of_memory(loader);
    diagnostics_add(loader->diagnostics, position, "%.300s", error.text);
    return NULL;
}

static bool is_file(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && !S_ISDIR(status.st_mode);
}

/* directory, a slash where it lacks one, name and suffix; NULL when memory is out. */
static char *join(struct config_loader *loader, const char *directory, const char *name,
                  const char *suffix)
{
    size_t directory_bytes = strlen(directory);
    bool lacks_slash = directory_bytes > 0 && directory[directory_bytes - 1] != '/';
    size_t bytes = directory_bytes + lacks_slash + strlen(name) + strlen(suffix) + 1;
    char *path = arena_calloc(loader->arena, bytes, 1);
    if (!path)
        return out_of_memory(loader);
    snprintf(path, bytes, "%s%s%s%s", directory, lacks_slash ? "/" : "", name, suffix);
    return path;
}

/* Tries the suffixes in one directory; NULL where none is there. */
static const char *find_in(struct config_loader *loader, const char *directory, const char *name,
                           const char *const *suffixes)
{
    for (; *suffixes; suffixes++) {
        const char *path = join(loader, directory, name, *suffixes);
        if (!path || is_file(path))
            return path;
    }
    return NULL;
}

void config_file_spare(struct config_loader *loader, struct position position, const char *path)
{
    for (const char *const *output = loader->outputs; output && *output; output++) {
        if (output_path_replaces(*output, path))
            diagnostics_add(
                loader->diagnostics, position,
                "'%.200s' is read here and written by the command: it would be replaced", path);
    }
}

const char *config_file_find(struct config_loader *loader, struct position position,
                             const char *name, const char *const *suffixes)
{
    static const char *const nowhere[] = {NULL};
    bool is_absolute = *name == '/';
    const char *here = is_absolute ? "" : position.source->directory;
    const char *const *search = is_absolute || !loader->search ? nowhere : loader->search;
    const char *path = find_in(loader, here, name, suffixes);
    for (const char *const *next = search; !path && *next; next++)
        path = find_in(loader, *next, name, suffixes);
    if (path)
        config_file_spare(loader, position, path);
    if (path || loader->diagnostics->is_out_of_memory)
        return path;
    /* Where a folder is named, the first of the files in it that would do. */
    const char *in_folder = **suffixes == '/' ? *suffixes : "";
    if (is_absolute)
        diagnostics_add(loader->diagnostics, position, "no file '%.200s%s'", name, in_folder);
    else
        diagnostics_add(loader->diagnostics, position, "no file '%.100s%s' in '%.100s'%s%.100s%s",
                        name, in_folder, *here ? here : ".", *search ? " or '" : "",
                        *search ? *search : "", *search ? "'" : "");
    return NULL;
}
