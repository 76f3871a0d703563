/*
 * output_path: the name of a result that is whole under it, or not there.
 *
 *     output_path_init(&output, "out.h5", &error)   makes output.partial, "out.h5.partial",
 *     ...                                           which is opened by that name and written anew,
 *     output_path_keep(&output, &error)             becomes "out.h5",
 *     output_path_release(&output)                  or is removed
 *
 * Of a link, what it leads to is written, and the link stays. Two writers of one
 * result cannot meet: the partial file is locked (flock) until it is kept or
 * removed. One that nobody has locked is what a killed program left, and is
 * written over. Errors are ERROR_IO and ERROR_MEMORY.
 */
#ifndef TANDEM_OUTPUT_PATH_H
#define TANDEM_OUTPUT_PATH_H

#include "error.h"

#include <stdbool.h>

struct output_path {
    char *path; /* of the file itself: links are followed */
    char *partial;
    int lock;        /* descriptor of `partial`, while that is ours */
    bool is_partial; /* `partial` is there and ours to remove */
};

/*
 * Whether a result can be put under a name, asked before the work that makes it
 * and not after: its folder can be written to, nothing else than a file has the
 * name, for a device or a pipe must not be replaced by a file, and standard
 * output does not go there.
 */
int output_path_check(const char *path, struct error *error);

/* Whether a result under `path` takes the place of the file `other`: it is that one, by whatever
   name, hard link or link, or it is while it is not whole. */
bool output_path_replaces(const char *path, const char *other);

/*
 * Takes the name, which is checked, and makes the partial file. One that another writes stays as it
 * is, and is an error; but a writer that is about to end, or was killed and is not quite gone, is
 * waited for. On failure there is nothing to release.
 */
int output_path_init(struct output_path *output, const char *path, struct error *error);

/* Gives the result its name, synced first: a power cut leaves all of it under the name, or nothing.
   It must be closed, or flushed. */
int output_path_keep(struct output_path *output, struct error *error);

/* Removes what was not kept. A zeroed or released one may be released. */
void output_path_release(struct output_path *output);

#endif
