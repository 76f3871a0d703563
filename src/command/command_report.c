/*
 * tandem report: hands over to analysis/report.py, which lies beside the configs.
 *
 * Reports are made of text and of tables that h5py reads in a line: Python's work.
 */
#include "command.h"

#include "data_dir.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Debian's own, which has Debian's h5py; another python3 may come first on the PATH. */
static const char python[] = "/usr/bin/python3";
static const char script[] = "/../analysis/report.py";

static int find_script(char path[DATA_DIR_BYTES + sizeof(script)], struct error *error)
{
    char configs[DATA_DIR_BYTES];
    int status = data_dir_configs(configs, error);
    if (status < 0)
        return status;
    (void)stpcpy(stpcpy(path, configs), script);
    if (access(path, R_OK) == 0)
        return 0;
    return error_set(error, ERROR_IO, "cannot read %s: %s", path, strerror(errno));
}

/* Becomes the script; returns where that fails. */
static int become(const char *path, int argc, char **argv, struct error *error)
{
    char **arguments = calloc((size_t)argc + 2, sizeof(*arguments));
    if (!arguments)
        return error_out_of_memory(error, "the command line");
    arguments[0] = (char *)python; /* execv() takes strings that it does not change as char * */
    arguments[1] = (char *)path;
    for (int i = 1; i < argc; i++)
        arguments[i + 1] = argv[i];
    /* What the script is to call itself in its help and messages. */
    if (setenv("TANDEM_COMMAND", "tandem report", 1) == 0)
        (void)execv(python, arguments);
    int status = error_set(error, ERROR_IO, "cannot run %s: %s", python, strerror(errno));
    free(arguments);
    return status;
}

int command_report(int argc, char **argv)
{
    struct error error = {0};
    char path[DATA_DIR_BYTES + sizeof(script)];
    int status = find_script(path, &error);
    if (status == 0)
        status = become(path, argc, argv, &error);
    return status < 0 ? command_fail("report", &error) : 0;
}
