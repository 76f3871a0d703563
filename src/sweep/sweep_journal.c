#include "sweep_journal.h"

#include "sweep_hash.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SUM_DIGITS 16

static int io_error(struct error *error, const char *action, const char *path)
{
    return error_set(error, ERROR_IO, "cannot %s %s: %s", action, path, strerror(errno));
}

/* The checksum of `text`, and a blank. */
static void write_sum(const char *text, size_t bytes, char sum[SUM_DIGITS + 2])
{
    (void)snprintf(sum, SUM_DIGITS + 2, "%016" PRIx64 " ",
                   sweep_hash(SWEEP_HASH_START, text, bytes));
}

/* What `line`, `bytes` without its end, holds; NULL where it is damaged. */
static json_t *parse_line(const char *line, size_t bytes)
{
    char sum[SUM_DIGITS + 2];
    if (bytes <= SUM_DIGITS + 1)
        return NULL;
    const char *text = line + SUM_DIGITS + 1;
    size_t text_bytes = bytes - SUM_DIGITS - 1;
    write_sum(text, text_bytes, sum);
    if (memcmp(sum, line, SUM_DIGITS + 1) != 0)
        return NULL;
    return json_loadb(text, text_bytes, 0, NULL);
}

/* Takes up the lines of `text` that are whole; returns the bytes of them, or -1 without memory. */
static ssize_t take_lines(struct sweep_journal *journal, const char *text, size_t bytes)
{
    size_t taken = 0;
    const char *end;
    while ((end = memchr(text + taken, '\n', bytes - taken)) != NULL) {
        json_t *result = parse_line(text + taken, (size_t)(end - text) - taken);
        const char *fingerprint = json_string_value(json_object_get(result, "fingerprint"));
        if (!fingerprint) {
            json_decref(result);
            break;
        }
        int status = json_object_set(journal->results, fingerprint, result);
        (void)json_object_del(result, "fingerprint");
        json_decref(result);
        if (status < 0)
            return -1;
        taken = (size_t)(end - text) + 1;
    }
    return (ssize_t)taken;
}

static bool read_whole(int descriptor, char *text, size_t bytes)
{
    for (size_t done = 0; done < bytes;) {
        ssize_t got = pread(descriptor, text + done, bytes - done, (off_t)done);
        if (got <= 0)
            return false;
        done += (size_t)got;
    }
    return true;
}

/* Whether the file starts as a line does, as far as it goes: it may have been cut within its first.
   What else is there is somebody's, and not to be cut. */
static int check_start(const struct sweep_journal *journal, size_t bytes, struct error *error)
{
    char start[sizeof(" {") + SUM_DIGITS] = "";
    bytes = bytes < sizeof(start) ? bytes : sizeof(start) - 1;
    if (!read_whole(journal->descriptor, start, bytes))
        return io_error(error, "read", journal->path);
    size_t digits = strspn(start, "0123456789abcdef");
    bool is_line = bytes <= SUM_DIGITS ? digits == bytes
                                       : digits == SUM_DIGITS &&
                                             memcmp(start + digits, " {", bytes - SUM_DIGITS) == 0;
    if (is_line)
        return 0;
    return error_set(error, ERROR_USAGE,
                     "%s is no sweep's journal: remove it, or name another output", journal->path);
}

/* Reads back what is whole and cuts the rest off. */
static int read_back(struct sweep_journal *journal, size_t bytes, struct error *error)
{
    char *text = malloc(bytes + 1);
    if (!text)
        return error_out_of_memory(error, journal->path);
    int status = 0;
    ssize_t taken = 0;
    if (!read_whole(journal->descriptor, text, bytes))
        status = io_error(error, "read", journal->path);
    else if ((taken = take_lines(journal, text, bytes)) < 0)
        status = error_out_of_memory(error, journal->path);
    else if (ftruncate(journal->descriptor, taken) < 0)
        status = io_error(error, "repair", journal->path);
    free(text);
    return status;
}

static void close_file(struct sweep_journal *journal)
{
    (void)close(journal->descriptor);
    journal->descriptor = -1;
}

static int open_file(struct sweep_journal *journal, struct error *error)
{
    journal->descriptor = open(journal->path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (journal->descriptor < 0)
        return io_error(error, "open", journal->path);
    /* Not flock(), whose locks workers would inherit and outlive their parent with. */
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (fcntl(journal->descriptor, F_SETLK, &whole) == 0)
        return 0;
    int status = errno == EACCES || errno == EAGAIN
                     ? error_set(error, ERROR_IO, "another sweep is writing %s", journal->path)
                     : io_error(error, "lock", journal->path);
    close_file(journal);
    return status;
}

int sweep_journal_open(struct sweep_journal *journal, const char *output_path, bool wants_old,
                       struct error *error)
{
    static const char suffix[] = ".journal";
    *journal = (struct sweep_journal){.descriptor = -1, .is_on_disk = true};
    journal->path = calloc(strlen(output_path) + sizeof(suffix), 1);
    journal->results = json_object();
    if (!journal->path || !journal->results)
        return error_out_of_memory(error, "the journal");
    (void)stpcpy(stpcpy(journal->path, output_path), suffix);
    int status = open_file(journal, error);
    if (status < 0)
        return status;
    struct stat file;
    if (fstat(journal->descriptor, &file) < 0)
        return io_error(error, "read", journal->path);
    if (file.st_size == 0)
        return 0;
    status = check_start(journal, (size_t)file.st_size, error);
    if (status < 0)
        return status;
    if (!wants_old)
        return error_set(error, ERROR_USAGE,
                         "%s is what an unfinished sweep left: go on with --resume, or remove it",
                         journal->path);
    return read_back(journal, (size_t)file.st_size, error);
}

json_t *sweep_journal_find(const struct sweep_journal *journal, const char *fingerprint)
{
    return json_object_get(journal->results, fingerprint);
}

/* Writes all of it at the end of the file. */
static int write_line(struct sweep_journal *journal, const char *line, size_t bytes,
                      struct error *error)
{
    for (size_t done = 0; done < bytes;) {
        ssize_t written = write(journal->descriptor, line + done, bytes - done);
        if (written < 0)
            return io_error(error, "write", journal->path);
        done += (size_t)written;
    }
    journal->is_on_disk = false;
    return 0;
}

/* The line of `result`, on the heap; NULL when memory is out. */
static char *format_line(const char *fingerprint, const char *result, size_t *bytes)
{
    size_t room =
        SUM_DIGITS + sizeof(" {\"fingerprint\":\"\",\n") + strlen(fingerprint) + strlen(result);
    char *line = malloc(room);
    if (!line)
        return NULL;
    char *text = line + SUM_DIGITS + 1;
    size_t text_room = room - SUM_DIGITS - 1;
    int length = snprintf(text, text_room, "{\"fingerprint\":\"%s\",%s", fingerprint, result + 1);
    char sum[SUM_DIGITS + 2];
    write_sum(text, (size_t)length, sum);
    memcpy(line, sum, SUM_DIGITS + 1);
    text[length] = '\n';
    *bytes = SUM_DIGITS + 1 + (size_t)length + 1;
    return line;
}

int sweep_journal_append(struct sweep_journal *journal, const char *fingerprint, const char *result,
                         struct error *error)
{
    size_t bytes;
    assert(result[0] == '{' && result[1] != '}' && !strchr(result, '\n'));
    char *line = format_line(fingerprint, result, &bytes);
    if (!line)
        return error_out_of_memory(error, journal->path);
    int status = write_line(journal, line, bytes, error);
    free(line);
    return status;
}

int sweep_journal_sync(struct sweep_journal *journal, struct error *error)
{
    if (!journal->is_on_disk && fsync(journal->descriptor) < 0)
        return io_error(error, "write", journal->path);
    journal->is_on_disk = true;
    return 0;
}

void sweep_journal_remove(struct sweep_journal *journal)
{
    (void)unlink(journal->path);
    close_file(journal);
}

void sweep_journal_release(struct sweep_journal *journal)
{
    struct stat file;
    if (journal->descriptor >= 0 && fstat(journal->descriptor, &file) == 0 && file.st_size == 0)
        (void)unlink(journal->path);
    if (journal->descriptor >= 0)
        close_file(journal);
    free(journal->path);
    json_decref(journal->results);
    *journal = (struct sweep_journal){.descriptor = -1};
}
