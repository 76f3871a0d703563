/*
 * trace_csv: the trace formats that are tables of comma-separated values.
 *
 *   tandem    arrival_s,input_tokens,output_tokens
 *   azure     TIMESTAMP,ContextTokens,GeneratedTokens
 *             Azure/AzurePublicDataset, LLM inference traces of 2023 (Patel et al., Splitwise,
 *             ISCA 2024) and 2024 (Stojkovic et al., DynamoLLM, HPCA 2025)
 *   burstgpt  Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type
 *             HPMLL/BurstGPT (Wang et al., KDD 2025); Timestamp in seconds
 *
 * Columns go by their names: their order, and further columns, make no odds.
 * But every line has as many fields as the first. No field is quoted in any of them, so none is
 * unquoted here.
 */
#ifndef TANDEM_TRACE_CSV_H
#define TANDEM_TRACE_CSV_H

#include "trace_row.h"

#include <stddef.h>

/* How a table names its columns, and how it means its times. */
struct trace_csv_dialect {
    const char *header; /* in full, for errors */
    const char *time_column;
    const char *input_column;
    const char *output_column;
    bool (*time)(struct text text, struct trace_time *time);
    const char *time_form; /* what `time` reads, in words */
    uint32_t tokens_min;   /* of input, and of output; 0: such a row is no request */
};

extern const struct trace_csv_dialect trace_csv_tandem;
extern const struct trace_csv_dialect trace_csv_azure;
extern const struct trace_csv_dialect trace_csv_burstgpt;

/* Where a file has the columns that matter. */
struct trace_csv {
    const struct trace_csv_dialect *dialect;
    size_t columns;
    size_t time_index;
    size_t input_index;
    size_t output_index;
};

/* Finds the columns of `dialect` in a file's first line; false where one is missing. */
bool trace_csv_match(struct trace_csv *csv, const struct trace_csv_dialect *dialect,
                     const char *header);

/* Whether the header at `place`, which matches, has each of its columns once. 0 or -ERROR_TRACE. */
int trace_csv_check(const struct trace_csv *csv, struct trace_place place, struct error *error);

/* Reads the line at `place`. 0 or -ERROR_TRACE. */
int trace_csv_row(const struct trace_csv *csv, struct trace_place place, struct trace_row *row,
                  struct error *error);

#endif
