#include "progress.h"

#include "human.h"

#include <math.h>
#include <time.h>
#include <unistd.h>

#define FIRST_AFTER_S 0.5
#define REDRAW_S 0.1
#define BAR_CELLS 24

double progress_clock_s(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

void progress_start(struct progress *progress, FILE *stream, const char *what, bool is_quiet)
{
    double now_s = progress_clock_s();
    bool is_shown = !is_quiet && isatty(fileno(stream));
    *progress = (struct progress){
        .stream = is_shown ? stream : NULL,
        .what = what,
        .started_s = now_s,
        .drawn_s = now_s + FIRST_AFTER_S - REDRAW_S,
    };
}

static void draw_bar(FILE *stream, double share)
{
    char cells[BAR_CELLS + 1];
    int full = (int)(share * BAR_CELLS);
    for (int i = 0; i < BAR_CELLS; i++)
        cells[i] = i < full ? '=' : i == full ? '>' : ' ';
    cells[BAR_CELLS] = '\0';
    (void)fprintf(stream, "[%s] %3.0f%%  ", cells, floor(share * 100));
}

void progress_update(struct progress *progress, uint64_t done, double share)
{
    double now_s = progress_clock_s();
    if (!progress->stream || now_s - progress->drawn_s < REDRAW_S)
        return;
    double elapsed_s = now_s - progress->started_s;
    FILE *stream = progress->stream;
    (void)fputs("\r\033[K", stream);
    if (isfinite(share))
        draw_bar(stream, fmin(fmax(share, 0), 1));
    (void)fprintf(stream, "%s %s  %s/s", human_count(done).text, progress->what,
                  human_number((double)done / elapsed_s).text);
    if (share > 0 && share <= 1)
        (void)fprintf(stream, "  %s left", human_duration(elapsed_s * (1 - share) / share).text);
    (void)fflush(stream);
    progress->drawn_s = now_s;
    progress->is_drawn = true;
}

void progress_end(struct progress *progress)
{
    if (!progress->is_drawn)
        return;
    (void)fputs("\r\033[K", progress->stream);
    (void)fflush(progress->stream);
    progress->is_drawn = false;
}
