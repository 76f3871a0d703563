#include "command.h"

#include "sweep_hdf5.h"
#include "sweep_merge.h"
#include "sweep_text.h"

#include <stdio.h>
#include <stdlib.h>

static const char help[] =
    "usage: tandem merge OUT.h5 PART.h5...\n\n"
    "Joins the files of 'tandem sweep --shard' into the one that the whole sweep would "
    "have\nwritten, to the byte. All of its parts must be there.\n\n"
    "  -h, --help    this text\n\n"
    "Exit codes: 0 done, 2 wrong use, 3 parts that do not go together, 4 I/O.\n";

static int merge(const char *output_path, const char *const *paths, size_t count,
                 struct error *error)
{
    struct arena arena;
    struct sweep_results joined = {.records = NULL};
    struct sweep_results *parts = calloc(count, sizeof(*parts));
    arena_init(&arena);
    int status = parts ? 0 : error_out_of_memory(error, "the parts");
    for (size_t i = 0; i < count && status == 0; i++)
        status = command_check_output(output_path, paths[i], error);
    for (size_t i = 0; i < count && status == 0; i++)
        status = sweep_hdf5_read(paths[i], &parts[i], &arena, error);
    if (status == 0)
        status = sweep_merge(&joined, parts, paths, count, error);
    if (status == 0)
        status = sweep_hdf5_write(output_path, &joined, error);
    if (status == 0) {
        sweep_text_print(&joined, stdout);
        status = command_flush(error);
    }
    json_decref(joined.records);
    for (size_t i = 0; parts && i < count; i++)
        json_decref(parts[i].records);
    free(parts);
    arena_release(&arena);
    return status;
}

static int parse_and_merge(int argc, char **argv, struct error *error)
{
    static const struct command_option options[] = {{0}};
    int status = command_options_take(options, help, &argc, &argv, error);
    if (status != 0)
        return status;
    if (argc < 2)
        return error_set(error, ERROR_USAGE, "name the file to write and the parts to join");
    return merge(argv[0], (const char *const *)argv + 1, (size_t)argc - 1, error);
}

/* What is wrong with parts stands in no line of theirs: the command says it. */
static int fail(struct error *error)
{
    if (error->code == ERROR_CONFIG)
        (void)error_prepend(error, "tandem merge: ");
    return command_fail("merge", error);
}

int command_merge(int argc, char **argv)
{
    struct error error = {0};
    int status = parse_and_merge(argc, argv, &error);
    return status < 0 ? fail(&error) : 0;
}
