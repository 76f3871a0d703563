/*
 * config_file: finds, reads and parses the files that make up a configuration.
 *
 * A file is named relative to the file that names it, or to one of the search
 * directories. Texts and trees live in the loader's arena.
 */
#ifndef TANDEM_CONFIG_FILE_H
#define TANDEM_CONFIG_FILE_H

#include "yaml_tree.h"

#define CONFIG_FILE_BYTES_MAX ((size_t)16 << 20)

/* What all of a configuration's files share. */
struct config_loader {
    struct arena *arena;
    struct diagnostics *diagnostics;
    const char *const *search;  /* directories, NULL at their end; NULL: none */
    const char *const *outputs; /* files that are to be written, so none to read; as above */
    uint32_t source_count;
};

/*
 * A new source of diagnostics. `name` and `text` are kept, not copied. NULL
 * when memory is out, which has been noted.
 */
struct source *config_source_new(struct config_loader *loader, const char *name, const char *text,
                                 size_t bytes);

/* The same for an option of the command line: its relative paths start where the program runs. */
struct source *config_source_new_option(struct config_loader *loader, const char *name);

/*
 * Reads `path` into the arena but for a byte order mark, a NUL added after its
 * `bytes`. ERROR_IO where it cannot be read, ERROR_CONFIG where it is larger than
 * CONFIG_FILE_BYTES_MAX.
 */
int config_file_read(struct config_loader *loader, const char *path, const char **text,
                     size_t *bytes, struct error *error);

/* The same as a source; NULL, with a diagnostic at `position` that names it, where it fails. */
struct source *config_file_open(struct config_loader *loader, const char *path,
                                struct position position);

/*
 * The path of the file that `name`, which stands at `position`, means; each of
 * the `suffixes` (NULL at their end) is tried in each directory. NULL, with a
 * diagnostic, where there is none; with a diagnostic too where it is an output.
 */
const char *config_file_find(struct config_loader *loader, struct position position,
                             const char *name, const char *const *suffixes);

/* Adds a diagnostic where the file at `path`, which is named at `position`, is an output. */
void config_file_spare(struct config_loader *loader, struct position position, const char *path);

#endif
