#include "output_path.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LINKS_MAX 40      /* that lead to each other: Linux follows no more */
#define WRITER_PAUSES 300 /* 3 s: what a killed process may take to be gone */

static int cannot_write(const char *path, struct error *error)
{
    return error_set(error, ERROR_IO, "cannot write %s: %s", path, strerror(errno));
}

/* The bytes of `path` up to its last slash, with it; 0: it has none. */
static size_t folder_bytes(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? (size_t)(slash - path) + 1 : 0;
}

/* Where a link named `path`, on the heap, leads that holds `bytes` of `target`, in its place; NULL
   when memory is out. */
static char *follow(char *path, const char *target, size_t bytes)
{
    size_t folder = *target == '/' ? 0 : folder_bytes(path);
    char *name = calloc(folder + bytes + 1, 1);
    if (name) {
        memcpy(name, path, folder);
        memcpy(name + folder, target, bytes);
    }
    free(path);
    return name;
}

/* The name of the file that `path` stands for, on the heap, also where that is still to be made. */
static char *resolve(const char *path)
{
    char target[PATH_MAX];
    ssize_t bytes = 0;
    char *name = strdup(path);
    for (int i = 0; i < LINKS_MAX && name && bytes >= 0; i++) {
        bytes = readlink(name, target, sizeof(target));
        if (bytes >= 0)
            name = follow(name, target, (size_t)bytes);
    }
    return name;
}

/* The folder of `name`, on the heap. */
static char *folder_of(const char *name)
{
    size_t bytes = folder_bytes(name);
    return bytes > 0 ? strndup(name, bytes) : strdup(".");
}

static int check_folder(const char *name, struct error *error)
{
    char *folder = folder_of(name);
    if (!folder)
        return error_out_of_memory(error, "the output's path");
    int status = access(folder, W_OK) < 0 ? cannot_write(name, error) : 0;
    free(folder);
    return status;
}

static bool is_one(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

static bool is_one_path(const char *a, const char *b)
{
    struct stat first, second;
    return stat(a, &first) == 0 && stat(b, &second) == 0 && is_one(&first, &second);
}

/* What has the name already must be a file, and not the one that is written as standard output. */
static int check_there(const char *path, struct error *error)
{
    struct stat there, standard;
    if (stat(path, &there) < 0)
        return errno == ENOENT ? 0 : cannot_write(path, error);
    if (!S_ISREG(there.st_mode))
        return error_set(error, ERROR_IO, "cannot write %s: it is not a regular file", path);
    if (fstat(STDOUT_FILENO, &standard) == 0 && is_one(&there, &standard))
        return error_set(error, ERROR_IO, "cannot write %s: standard output goes there", path);
    return 0;
}

/* The checked name of the file that `path` stands for, on the heap; NULL with `error`. */
static char *find_file(const char *path, struct error *error)
{
    if (*path == '\0') {
        (void)error_set(error, ERROR_IO, "cannot write a file without a name");
        return NULL;
    }
    if (strcmp(path, "-") == 0) {
        (void)error_set(error, ERROR_IO, "cannot write HDF5 to standard output: name a file");
        return NULL;
    }
    if (check_there(path, error) < 0)
        return NULL;
    char *name = resolve(path);
    if (!name)
        (void)error_out_of_memory(error, "the output's path");
    if (name && check_folder(name, error) == 0)
        return name;
    free(name);
    return NULL;
}

int output_path_check(const char *path, struct error *error)
{
    char *name = find_file(path, error);
    free(name);
    return name ? 0 : -(int)error->code;
}

/* The name of the file `name` while it is not whole, on the heap. */
static char *partial_of(const char *name)
{
    static const char suffix[] = ".partial";
    char *partial = malloc(strlen(name) + sizeof(suffix));
    if (partial)
        (void)stpcpy(stpcpy(partial, name), suffix);
    return partial;
}

/* Two resolved names, of which neither need be there. */
static bool is_one_name(const char *a, const char *b)
{
    if (strcmp(a + folder_bytes(a), b + folder_bytes(b)) != 0)
        return false;
    char *first = folder_of(a);
    char *second = folder_of(b);
    bool is_same = first && second && is_one_path(first, second);
    free(first);
    free(second);
    return is_same;
}

bool output_path_replaces(const char *path, const char *other)
{
    if (is_one_path(path, other))
        return true;
    char *first = resolve(path);
    char *second = resolve(other);
    char *partial = first ? partial_of(first) : NULL;
    bool is_same =
        partial && second &&
        (is_one_name(first, second) || is_one_name(partial, second) || is_one_path(partial, other));
    free(first);
    free(second);
    free(partial);
    return is_same;
}

/* What is there is written over if it is a file, for a killed program left it; a link is not. */
static int check_partial(const char *partial, struct error *error)
{
    struct stat there;
    if (lstat(partial, &there) == 0 && !S_ISREG(there.st_mode))
        return error_set(error, ERROR_IO, "cannot write %s: it is not a regular file", partial);
    return 0;
}

/* Whether the file that is locked has that name: who held it may have renamed or removed it before
   letting go. */
static bool is_still(int lock, const char *partial)
{
    struct stat locked, named;
    return fstat(lock, &locked) == 0 && lstat(partial, &named) == 0 && is_one(&locked, &named);
}

/* Whether nobody else has it locked; where files cannot be locked, nobody has. */
static bool try_lock(int descriptor)
{
    return flock(descriptor, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK;
}

/* Opens the partial file, and locks it once nobody else has: not for long. */
static int claim(struct output_path *output, struct error *error)
{
    const struct timespec pause = {.tv_nsec = 10000000};
    for (int i = 0; i < WRITER_PAUSES; i++) {
        int status = check_partial(output->partial, error);
        if (status < 0)
            return status;
        output->lock = open(output->partial, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0666);
        if (output->lock < 0)
            return cannot_write(output->partial, error);
        output->is_partial = try_lock(output->lock) && is_still(output->lock, output->partial);
        if (output->is_partial)
            return 0;
        (void)close(output->lock);
        (void)nanosleep(&pause, NULL);
    }
    return error_set(error, ERROR_IO, "another tandem is writing %s", output->partial);
}

int output_path_init(struct output_path *output, const char *path, struct error *error)
{
    *output = (struct output_path){.path = find_file(path, error)};
    if (!output->path)
        return -(int)error->code;
    output->partial = partial_of(output->path);
    int status =
        output->partial ? claim(output, error) : error_out_of_memory(error, "the output's path");
    if (status < 0)
        output_path_release(output);
    return status;
}

int output_path_keep(struct output_path *output, struct error *error)
{
    if (fsync(output->lock) < 0)
        return cannot_write(output->partial, error);
    if (rename(output->partial, output->path) < 0)
        return error_set(error, ERROR_IO, "cannot rename the output to %s: %s", output->path,
                         strerror(errno));
    (void)close(output->lock);
    output->is_partial = false;
    return 0;
}

void output_path_release(struct output_path *output)
{
    if (output->is_partial) {
        (void)unlink(output->partial); /* before its lock goes, for then it may be another's */
        (void)close(output->lock);
    }
    free(output->partial);
    free(output->path);
    *output = (struct output_path){.path = NULL};
}
