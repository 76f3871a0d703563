#include "export_window.h"

#include "quantity.h"

#include <stdio.h>
#include <string.h>

sim_ps export_window_ps(double seconds)
{
    return isnan(seconds) ? 0
                          : sim_ps_from_s(fmax(-SIM_CLOCK_END_S, fmin(seconds, SIM_CLOCK_END_S)));
}

static int parse_end(const char *text, double *seconds, struct error *error)
{
    if (quantity_parse(text, QUANTITY_SECONDS, seconds, error) == 0)
        return 0;
    error->code = ERROR_USAGE;
    return error_prepend(error, "--window: ");
}

static int check(const char *text, double start_s, double end_s, struct error *error)
{
    if (end_s <= start_s)
        return error_set(error, ERROR_USAGE, "--window '%s' ends before it starts", text);
    if (start_s >= SIM_CLOCK_END_S)
        return error_set(error, ERROR_USAGE,
                         "--window '%s' starts beyond the %.0f days that a run can last", text,
                         floor((double)SIM_CLOCK_END_S / SIM_DAY_S));
    return 0;
}

int export_window_parse(const char *text, struct export_window *window, struct error *error)
{
    char from[QUANTITY_TEXT_BYTES];
    const char *comma = strchr(text, ',');
    if (!comma || (size_t)(comma - text) >= sizeof(from))
        return error_set(error, ERROR_USAGE, "--window is two times, as in 60s,62s, not '%s'",
                         text);
    (void)snprintf(from, sizeof(from), "%.*s", (int)(comma - text), text);
    const char *to = comma + 1 + strspn(comma + 1, " ");
    double start_s = 0;
    double end_s = 0;
    int status = parse_end(from, &start_s, error);
    if (status == 0)
        status = parse_end(to, &end_s, error);
    if (status == 0)
        status = check(text, start_s, end_s, error);
    *window = (struct export_window){export_window_ps(start_s), export_window_ps(end_s)};
    return status;
}
