#include "trace_writer.h"

#include "trace_csv.h"

#define PS_PER_NS 1000
#define NS_PER_S 1000000000

int trace_writer_open(struct trace_writer *writer, const char *path, struct error *error)
{
    int status = output_file_open(&writer->file, path, error);
    if (status == 0) {
        (void)fprintf(writer->file.stream, "%s\n", trace_csv_tandem.header);
        status = output_file_check(&writer->file, error);
    }
    if (status < 0)
        trace_writer_abandon(writer);
    return status;
}

int trace_writer_add(struct trace_writer *writer, const struct arrival *arrival,
                     struct error *error)
{
    int64_t ns = (arrival->at + PS_PER_NS / 2) / PS_PER_NS;
    (void)fprintf(writer->file.stream, "%lld.%09lld,%u,%u\n", (long long)(ns / NS_PER_S),
                  (long long)(ns % NS_PER_S), arrival->input_tokens, arrival->output_tokens);
    return output_file_check(&writer->file, error);
}

int trace_writer_finish(struct trace_writer *writer, struct error *error)
{
    int status = output_file_finish(&writer->file, error);
    trace_writer_abandon(writer);
    return status;
}

void trace_writer_abandon(struct trace_writer *writer)
{
    output_file_close(&writer->file);
}
