#include "export_event.h"

#define PS_PER_NS 1000
#define NS_PER_US 1000

void event_document_begin(struct event_writer *writer, FILE *stream)
{
    *writer = (struct event_writer){.stream = stream};
    (void)fputs("{\"displayTimeUnit\":\"ns\",\"traceEvents\":[", stream);
}

void event_document_end(struct event_writer *writer)
{
    (void)fputs("\n]}\n", writer->stream);
}

void event_begin(struct event_writer *writer, const char *phase, uint32_t process, uint32_t track)
{
    (void)fprintf(writer->stream, "%s\n{\"ph\":\"%s\",\"pid\":%u,\"tid\":%u",
                  writer->has_events ? "," : "", phase, process, track);
    writer->has_events = true;
}

void event_end(struct event_writer *writer)
{
    (void)fputc('}', writer->stream);
}

static void write_us(struct event_writer *writer, const char *key, int64_t ns)
{
    (void)fprintf(writer->stream, ",\"%s\":%lld.%03lld", key, (long long)(ns / NS_PER_US),
                  (long long)(ns % NS_PER_US));
}

void event_at(struct event_writer *writer, sim_ps at)
{
    write_us(writer, "ts", at / PS_PER_NS);
}

void event_span(struct event_writer *writer, sim_ps start, sim_ps duration)
{
    int64_t start_ns = start / PS_PER_NS;
    write_us(writer, "ts", start_ns);
    write_us(writer, "dur", (start + duration) / PS_PER_NS - start_ns);
}

void event_name(struct event_writer *writer, const char *name)
{
    (void)fputs(",\"name\":\"", writer->stream);
    for (const char *at = name; *at != '\0'; at++) {
        if (*at == '"' || *at == '\\')
            (void)fprintf(writer->stream, "\\%c", *at);
        else if ((unsigned char)*at < ' ')
            (void)fprintf(writer->stream, "\\u%04x", (unsigned)*at);
        else
            (void)fputc(*at, writer->stream);
    }
    (void)fputc('"', writer->stream);
}
