/* Does a journal give back all that was written whole, and nothing else? */
#include "sweep_journal.h"

#include "../suite.h"
#include "suite.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define ENTRIES 5

static char folder[] = "/tmp/tandem-journal-XXXXXX";
static char output[64];
static char path[80];
static struct error error;
static struct sweep_journal journal;

static void setup(void)
{
    strcpy(folder + strlen(folder) - 6, "XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    (void)snprintf(output, sizeof(output), "%s/out.h5", folder);
    (void)snprintf(path, sizeof(path), "%s.journal", output);
}

static void teardown(void)
{
    sweep_journal_release(&journal);
    (void)unlink(path);
    (void)rmdir(folder);
}

static void open_journal(bool wants_old)
{
    int status = sweep_journal_open(&journal, output, wants_old, &error);
    ck_assert_msg(status == 0, "%s", error.text);
}

static void append(int number)
{
    char fingerprint[32];
    (void)snprintf(fingerprint, sizeof(fingerprint), "point-%d", number);
    char result[64];
    (void)snprintf(result, sizeof(result), "{\"number\":%d,\"third\":%.17e}", number, number / 3.0);
    ck_assert_int_eq(sweep_journal_append(&journal, fingerprint, result, &error), 0);
}

/* A journal of ENTRIES results, closed again. */
static void write_journal(void)
{
    open_journal(false);
    for (int i = 0; i < ENTRIES; i++)
        append(i);
    sweep_journal_release(&journal);
}

/* How many of the results it has; each must be as it was written. */
static int count_found(void)
{
    int found = 0;
    for (int i = 0; i < ENTRIES; i++) {
        char fingerprint[32];
        (void)snprintf(fingerprint, sizeof(fingerprint), "point-%d", i);
        const json_t *result = sweep_journal_find(&journal, fingerprint);
        if (!result)
            continue;
        ck_assert_int_eq(json_integer_value(json_object_get(result, "number")), i);
        ck_assert_double_eq(json_real_value(json_object_get(result, "third")), i / 3.0);
        found++;
    }
    return found;
}

static off_t size_of_journal(void)
{
    struct stat file;
    ck_assert_int_eq(stat(path, &file), 0);
    return file.st_size;
}

/* Reads the journal; returns its bytes. */
static size_t read_journal(char text[], size_t room)
{
    FILE *file = fopen(path, "rb");
    ck_assert_ptr_nonnull(file);
    size_t bytes = fread(text, 1, room, file);
    (void)fclose(file);
    return bytes;
}

/* Makes the journal the first `bytes` of `text`; returns the whole lines in it. */
static int cut_journal(const char text[], size_t bytes)
{
    FILE *file = fopen(path, "wb");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(text, 1, bytes, file), bytes);
    (void)fclose(file);
    int lines = 0;
    for (size_t i = 0; i < bytes; i++)
        lines += text[i] == '\n';
    return lines;
}

START_TEST(gives_back_what_was_written)
{
    /* All results, to the bit, and more can be added. */
    write_journal();
    open_journal(true);
    ck_assert_int_eq(count_found(), ENTRIES);
    ck_assert_ptr_null(sweep_journal_find(&journal, "point-99"));
    append(99);
    sweep_journal_release(&journal);
    open_journal(true);
    ck_assert_ptr_nonnull(sweep_journal_find(&journal, "point-99"));
}
END_TEST

START_TEST(cut_anywhere_it_loses_the_cut_line_only)
{
    /* Whatever byte the file ends at, the whole lines before it are there, and the next result can
       be appended and read back. */
    char text[1024];
    write_journal();
    size_t whole = read_journal(text, sizeof(text));
    ck_assert_uint_lt(whole, sizeof(text));
    for (size_t bytes = whole; bytes-- > 0;) {
        int whole_lines = cut_journal(text, bytes);
        open_journal(true);
        ck_assert_int_eq(count_found(), whole_lines);
        append(99);
        sweep_journal_release(&journal);
        open_journal(true);
        ck_assert_ptr_nonnull(sweep_journal_find(&journal, "point-99"));
        sweep_journal_release(&journal);
    }
}
END_TEST

START_TEST(damaged_line_is_not_believed)
{
    /* One flipped bit in the last line, wherever it is, and that line is gone. */
    write_journal();
    /* The last line is no shorter than this, its end not counted. */
    const off_t line = 40;
    for (off_t at = 0; at < line; at++) {
        FILE *file = fopen(path, "r+b");
        ck_assert_ptr_nonnull(file);
        (void)fseek(file, at - line, SEEK_END);
        int byte = fgetc(file);
        (void)fseek(file, at - line, SEEK_END);
        (void)fputc(byte ^ 1, file);
        (void)fclose(file);
        open_journal(true);
        ck_assert_int_eq(count_found(), ENTRIES - 1);
        append(ENTRIES - 1);
        sweep_journal_release(&journal);
    }
}
END_TEST

START_TEST(never_overwrites_unfinished_work)
{
    /* A journal that is there is an error unless it is wanted, and stays as it is. */
    write_journal();
    off_t bytes = size_of_journal();
    ck_assert_int_eq(sweep_journal_open(&journal, output, false, &error), -ERROR_USAGE);
    ck_assert_ptr_nonnull(strstr(error.text, "--resume"));
    ck_assert_int_eq(size_of_journal(), bytes);
}
END_TEST

START_TEST(what_no_sweep_wrote_stays)
{
    /* A file that does not start as a journal's line does, were it cut, is somebody's: it is no
       journal whether one is wanted or not, and stays as it is to the byte. */
    static const char *const texts[] = {"my notes\nline2\n", "\n", "0123456789abcdef[1]\n",
                                        "0123456789abcdef [1]\n", "0123456789ABCDEF {}\n"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]) * 2; i++) {
        const char *text = texts[i / 2];
        char kept[64];
        (void)cut_journal(text, strlen(text));
        ck_assert_int_eq(sweep_journal_open(&journal, output, i % 2, &error), -ERROR_USAGE);
        ck_assert_ptr_nonnull(strstr(error.text, "is no sweep's journal"));
        sweep_journal_release(&journal);
        ck_assert_uint_eq(read_journal(kept, sizeof(kept)), strlen(text));
        ck_assert_mem_eq(kept, text, strlen(text));
    }
}
END_TEST

START_TEST(is_one_process_s_at_a_time)
{
    /* A second one is told so; but a child that fork() made does not keep the file from anybody. */
    open_journal(false);
    pid_t process = fork();
    if (process == 0) {
        struct sweep_journal second;
        int status = sweep_journal_open(&second, output, true, &error);
        _exit(status == -ERROR_IO && strstr(error.text, "another sweep") ? 0 : 1);
    }
    int status;
    ck_assert_int_eq(waitpid(process, &status, 0), process);
    ck_assert_int_eq(status, 0);
    process = fork();
    if (process == 0) {
        (void)pause();
        _exit(0);
    }
    sweep_journal_release(&journal);
    open_journal(true);
    (void)kill(process, SIGKILL);
    ck_assert_int_eq(waitpid(process, &status, 0), process);
}
END_TEST

START_TEST(goes_where_nothing_is_in_it)
{
    /* A sweep that ends before its first result leaves no file, whether a file was there or not;
       and takes away none that another sweep has just begun. */
    open_journal(false);
    ck_assert_int_eq(access(path, F_OK), 0);
    pid_t process = fork();
    if (process == 0) {
        struct sweep_journal second;
        (void)sweep_journal_open(&second, output, true, &error);
        sweep_journal_release(&second);
        _exit(0);
    }
    ck_assert_int_eq(waitpid(process, NULL, 0), process);
    ck_assert_int_eq(access(path, F_OK), 0);
    sweep_journal_release(&journal);
    ck_assert_int_eq(access(path, F_OK), -1);
    (void)cut_journal("", 0);
    open_journal(true);
    sweep_journal_release(&journal);
    ck_assert_int_eq(access(path, F_OK), -1);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        gives_back_what_was_written,  cut_anywhere_it_loses_the_cut_line_only,
        damaged_line_is_not_believed, never_overwrites_unfinished_work,
        is_one_process_s_at_a_time,   goes_where_nothing_is_in_it,
        what_no_sweep_wrote_stays,
    };
    return suite_run_between("sweep_journal", setup, teardown, tests, ARRAY_LENGTH(tests));
}
