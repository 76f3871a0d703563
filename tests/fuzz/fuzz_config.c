/*
 * fuzz_config: does any text at all crash the configuration loader?
 *
 * The first line is given as `--set`, the rest is the scenario. What loads must
 * load again from its own text, and give the same one. Built with
 * -fsanitize=fuzzer this makes inputs up; else it replays the files that its
 * command line names.
 */
#include "config_scenario.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(const struct config *config)
{
    struct config again;
    struct error error;
    const struct config_inputs none = {.search = NULL};
    int status = config_load_scenario_text(&again, "again.yaml", config->text, strlen(config->text),
                                           &none, &error);
    /* A path of a trace or of lengths may mean nothing there; all else is in the text. */
    bool has_file = strstr(config->text, "file") != NULL;
    assert(status == 0 || has_file);
    assert(status < 0 || strcmp(again.text, config->text) == 0);
    config_release(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const search[] = {"configs", NULL};
    const uint8_t *line_end = size > 0 ? memchr(data, '\n', size) : NULL;
    size_t line_bytes = line_end ? (size_t)(line_end - data) : 0;
    char *set = malloc(line_bytes + 1);
    if (!set)
        return 0;
    memcpy(set, data, line_bytes);
    set[line_bytes] = '\0';
    const char *const sets[] = {set};

    const struct config_inputs inputs = {
        .search = search, .sets = sets, .set_count = line_bytes > 0};

    struct config config;
    struct error error = {.code = ERROR_NONE};
    int status = config_load_scenario_text(&config, "fuzz.yaml", (const char *)data + line_bytes,
                                           size - line_bytes, &inputs, &error);
    assert(status == 0 || (error.code != ERROR_NONE && error.text[0] != '\0'));
    if (status == 0)
        check_text(&config);
    config_release(&config);
    free(set);
    return 0;
}

#ifndef FUZZ_WITH_LIBFUZZER
static int replay(const char *path)
{
    static uint8_t data[1 << 20];
    FILE *stream = fopen(path, "rb");
    if (!stream) {
        perror(path);
        return 1;
    }
    size_t size = fread(data, 1, sizeof(data), stream);
    fclose(stream);
    LLVMFuzzerTestOneInput(data, size);
    return 0;
}

int main(int argc, char **argv)
{
    int status = 0;
    for (int i = 1; i < argc; i++)
        status |= replay(argv[i]);
    return status;
}
#endif
