#include "compare_svg.h"

#include "base.h"

/* All in pixels. */
#define PANEL_WIDTH 300
#define PANEL_HEIGHT 200
#define LEFT 60
#define TOP 56
#define GAP 36
#define ROW_HEIGHT (PANEL_HEIGHT + 68)
#define TICKS 4
#define CURVE_POINTS_MAX 400

static const char *const colors[COMPARE_SIDE_COUNT] = {"#1f77b4", "#d95f02"};
static const char *const side_names[COMPARE_SIDE_COUNT] = {"measured", "simulated"};

/* One panel's horizontal axis: `low` to `high` seconds, ticks each `step`. */
struct axis {
    double low;
    double high;
    double step;
    double unit_s; /* that its numbers are in */
    const char *unit;
};

/* The smallest of 1, 2 and 5 times a power of ten that is at least `step`. */
static double round_step(double step)
{
    double power = pow(10, floor(log10(step)));
    double share = step / power;
    return power * (share <= 1 ? 1 : share <= 2 ? 2 : share <= 5 ? 5 : 10);
}

/* An axis that takes in both sides. */
static struct axis axis_of(const struct compare_values values[COMPARE_SIDE_COUNT])
{
    double low = INFINITY, high = 0;
    for (uint32_t side = 0; side < COMPARE_SIDE_COUNT; side++) {
        if (values[side].count == 0)
            continue;
        low = fmin(low, values[side].seconds[0]);
        high = fmax(high, values[side].seconds[values[side].count - 1]);
    }
    low = fmin(low, high);
    double width = high - low > 0 ? high - low : fmax(high, 1e-6);
    struct axis axis = {.step = round_step(width / TICKS), .unit_s = 1, .unit = "s"};
    if (high < 1) {
        axis.unit_s = 1e-3;
        axis.unit = "ms";
    }
    axis.low = floor(low / axis.step) * axis.step;
    axis.high = axis.low + ceil((low + width - axis.low) / axis.step) * axis.step;
    return axis;
}

static double x_of(const struct axis *axis, double seconds)
{
    return (seconds - axis->low) / (axis->high - axis->low) * PANEL_WIDTH;
}

static void write_axes(const struct axis *axis, const char *title, FILE *stream)
{
    (void)fprintf(stream,
                  "<rect width=\"%d\" height=\"%d\" fill=\"none\" stroke=\"#888\"/>\n"
                  "<text x=\"%d\" y=\"%d\" text-anchor=\"middle\">%s, %s</text>\n",
                  PANEL_WIDTH, PANEL_HEIGHT, PANEL_WIDTH / 2, PANEL_HEIGHT + 36, title, axis->unit);
    long ticks = lround((axis->high - axis->low) / axis->step);
    for (long i = 0; i <= ticks; i++) {
        double at_s = axis->low + (double)i * axis->step;
        (void)fprintf(stream,
                      "<path d=\"M%.1f %dv5\" stroke=\"#888\"/>"
                      "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%g</text>\n",
                      x_of(axis, at_s), PANEL_HEIGHT, x_of(axis, at_s), PANEL_HEIGHT + 18,
                      round(at_s / axis->unit_s * 1e6) / 1e6);
    }
    for (int percent = 0; percent <= 100; percent += 50)
        (void)fprintf(stream, "<text x=\"-6\" y=\"%d\" text-anchor=\"end\">%d%%</text>\n",
                      PANEL_HEIGHT - percent * PANEL_HEIGHT / 100 + 4, percent);
}

/* The share of requests within each time, as steps. */
static void write_curve(const struct axis *axis, const struct compare_values *values,
                        const char *color, FILE *stream)
{
    size_t points = values->count < CURVE_POINTS_MAX ? values->count : CURVE_POINTS_MAX;
    if (points == 0)
        return;
    (void)fprintf(stream, "<path fill=\"none\" stroke=\"%s\" stroke-width=\"1.5\" d=\"M0 %d", color,
                  PANEL_HEIGHT);
    for (size_t point = 1; point <= points; point++) {
        size_t within = point * values->count / points;
        (void)fprintf(stream, "H%.1fV%.1f", x_of(axis, values->seconds[within - 1]),
                      PANEL_HEIGHT * (1 - (double)within / (double)values->count));
    }
    (void)fprintf(stream, "H%d\"/>\n", PANEL_WIDTH);
}

/* Text of a user's file, which may hold what XML gives a meaning. */
static void write_text(const char *text, FILE *stream)
{
    for (; *text; text++) {
        if (*text == '<' || *text == '>' || *text == '&')
            (void)fprintf(stream, "&#%d;", *text);
        else
            (void)fputc(*text, stream);
    }
}

static void write_row(const struct comparison *comparison, int top, FILE *stream)
{
    (void)fprintf(stream, "<text x=\"%d\" y=\"%d\">", LEFT, top - 8);
    write_text(comparison->name, stream);
    (void)fputs("</text>\n", stream);
    for (uint32_t metric = 0; metric < COMPARE_METRIC_COUNT; metric++) {
        struct axis axis = axis_of(comparison->values[metric]);
        (void)fprintf(stream, "<g transform=\"translate(%d %d)\">\n",
                      LEFT + (int)metric * (PANEL_WIDTH + LEFT), top);
        write_axes(&axis, compare_metric_title(metric), stream);
        for (uint32_t side = 0; side < COMPARE_SIDE_COUNT; side++)
            write_curve(&axis, &comparison->values[metric][side], colors[side], stream);
        (void)fputs("</g>\n", stream);
    }
}

void compare_svg_write(const struct comparison *comparisons, size_t count, FILE *stream)
{
    int width = COMPARE_METRIC_COUNT * (PANEL_WIDTH + LEFT) + GAP;
    int height = TOP + (int)count * ROW_HEIGHT;
    (void)fprintf(stream,
                  "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" "
                  "font-family=\"sans-serif\" font-size=\"12\">\n"
                  "<rect width=\"100%%\" height=\"100%%\" fill=\"white\"/>\n"
                  "<text x=\"%d\" y=\"24\" font-size=\"14\">Share of requests within a time",
                  width, height, LEFT);
    for (uint32_t side = 0; side < COMPARE_SIDE_COUNT; side++)
        (void)fprintf(stream, "<tspan dx=\"16\" fill=\"%s\">%s</tspan>", colors[side],
                      side_names[side]);
    (void)fputs("</text>\n", stream);
    for (size_t i = 0; i < count; i++)
        write_row(&comparisons[i], TOP + (int)i * ROW_HEIGHT, stream);
    (void)fputs("</svg>\n", stream);
}
