/*
 * Does any file at all crash the trace readers, or make them yield an impossible request?
 *
 * Built with -fsanitize=fuzzer (and -DFUZZ) libFuzzer makes the files up; built without, main
 * replays the files that it is given.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "trace.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

/* Reads `file` to its end or first error; closes it. */
static void read_all(FILE *file)
{
    struct error error = {0};
    struct trace_options options = {.format = TRACE_AUTO, .rate_scale = 1};
    struct trace *trace = trace_open_file(file, "fuzz", options, &error);
    if (!trace) {
        assert(error.code != ERROR_NONE);
        return;
    }
    struct arrival_source source = trace_source(trace);
    struct arrival arrival;
    sim_ps last = 0;
    int status;
    while ((status = source.next(source.context, &arrival, &error)) > 0) {
        assert(arrival.at >= last && arrival.at <= sim_ps_from_s(ARRIVAL_S_MAX));
        assert(arrival.input_tokens >= 1 && arrival.output_tokens >= 1);
        last = arrival.at;
    }
    assert(-status == (int)error.code);
    trace_close(trace);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    FILE *file = tmpfile();
    assert(file);
    size_t written = fwrite(data, 1, bytes, file);
    assert(written == bytes);
    rewind(file);
    read_all(file);
    return 0;
}

#ifndef FUZZ
int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        FILE *file = fopen(argv[i], "rb");
        if (!file) {
            perror(argv[i]);
            return EXIT_FAILURE;
        }
        read_all(file);
    }
    printf("%d files read\n", argc - 1);
    return EXIT_SUCCESS;
}
#endif
