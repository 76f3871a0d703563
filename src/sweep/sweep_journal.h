/*
 * sweep_journal: what a sweep has done so far, safe against kill -9.
 *
 * A text file beside the sweep's output to which each result is appended as it
 * comes, one line a point, and synced to disk before the next:
 *
 *     16 hexadecimal digits (sweep_hash.h, of what follows the blank)
 *     a blank
 *     {"fingerprint": "...", the result}       see sweep_point.h
 *
 * A line that was cut short or damaged ends what is read back; it and what
 * follows are cut off. A file that does not start as a line does is no journal,
 * and is left alone. One process at a time may have a journal open.
 */
#ifndef TANDEM_SWEEP_JOURNAL_H
#define TANDEM_SWEEP_JOURNAL_H

#include "error.h"

#include <jansson.h>
#include <stdbool.h>

struct sweep_journal {
    char *path;
    int descriptor;  /* below 0: not open */
    bool is_on_disk; /* all that was appended; else a crash of the machine may lose it */
    json_t *results; /* those that were there, by fingerprint */
};

/*
 * Opens the journal of `output_path`. With `wants_old` what it holds is read
 * back; otherwise a journal that is there already is an error, for it is hours
 * of somebody's work, and so is a file that is none. ERROR_IO, ERROR_USAGE, ERROR_MEMORY; release
 * it in any case.
 */
int sweep_journal_open(struct sweep_journal *journal, const char *output_path, bool wants_old,
                       struct error *error);

/* The result that the journal has of `fingerprint`, its own; NULL: none. */
json_t *sweep_journal_find(const struct sweep_journal *journal, const char *fingerprint);

/* Appends `result`, the text of a JSON object with members, in one line: whatever becomes of this
   process, it is kept. ERROR_IO, ERROR_MEMORY. */
int sweep_journal_append(struct sweep_journal *journal, const char *fingerprint, const char *result,
                         struct error *error);

/* Waits until all that was appended is on disk. ERROR_IO. */
int sweep_journal_sync(struct sweep_journal *journal, struct error *error);

/* Removes the file: its work is done. Release it then too. */
void sweep_journal_remove(struct sweep_journal *journal);

/* The file stays, unless nothing is in it to go on from. */
void sweep_journal_release(struct sweep_journal *journal);

#endif
