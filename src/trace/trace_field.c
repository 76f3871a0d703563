#include "trace_field.h"

#include "base.h"

#include <stdlib.h>
#include <string.h>

#define FRACTION_DIGITS 12 /* picoseconds */
/* The longest number with an exponent that is worth reading. */
#define REAL_BYTES_MAX 40

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Takes `c` off the front of `text`, where it is there. */
static bool skip(struct text *text, char c)
{
    if (text->begin == text->end || *text->begin != c)
        return false;
    text->begin++;
    return true;
}

/* Takes one or more digits off the front of `text`; their value must not exceed `max`. */
static bool take_whole(struct text *text, int64_t max, int64_t *value)
{
    const char *start = text->begin;
    *value = 0;
    for (; text->begin < text->end && is_digit(*text->begin); text->begin++) {
        *value = *value * 10 + (*text->begin - '0');
        if (*value > max)
            return false;
    }
    return text->begin > start;
}

/* Takes `digits` digits, no more and no less, whose value lies within min..max. */
static bool take_fixed(struct text *text, int digits, int min, int max, int *value)
{
    *value = 0;
    for (int i = 0; i < digits; i++, text->begin++) {
        if (text->begin == text->end || !is_digit(*text->begin))
            return false;
        *value = *value * 10 + (*text->begin - '0');
    }
    return *value >= min && *value <= max;
}

/* Takes a point and its digits, where there is a point, as picoseconds. */
static bool take_fraction(struct text *text, int64_t *ps)
{
    *ps = 0;
    if (!skip(text, '.'))
        return true;
    const char *start = text->begin;
    for (; text->begin < text->end && is_digit(*text->begin); text->begin++) {
        if (text->begin - start < FRACTION_DIGITS)
            *ps = *ps * 10 + (*text->begin - '0');
    }
    for (int64_t digits = text->begin - start; digits < FRACTION_DIGITS; digits++)
        *ps *= 10;
    return text->begin > start;
}

bool text_tokens(struct text text, uint32_t *tokens)
{
    int64_t value;
    if (!take_whole(&text, TRACE_TOKENS_MAX, &value) || text.begin != text.end)
        return false;
    *tokens = (uint32_t)value;
    return true;
}

struct trace_time trace_time_from_s(double seconds)
{
    assert(seconds >= 0 && seconds <= (double)TRACE_SECONDS_MAX);
    struct trace_time time = {.s = (int64_t)seconds};
    time.ps = (int64_t)((seconds - (double)time.s) * (double)SIM_PS_PER_S + 0.5);
    if (time.ps == SIM_PS_PER_S)
        time = (struct trace_time){.s = time.s + 1};
    return time;
}

/* Reads a number that has an exponent. */
static bool real_seconds(struct text text, struct trace_time *time)
{
    char copy[REAL_BYTES_MAX + 1];
    size_t bytes = (size_t)(text.end - text.begin);
    if (bytes > REAL_BYTES_MAX)
        return false;
    memcpy(copy, text.begin, bytes);
    copy[bytes] = '\0';
    char *end;
    double seconds = strtod(copy, &end);
    if (end != copy + bytes || !(seconds <= (double)TRACE_SECONDS_MAX))
        return false;
    *time = trace_time_from_s(seconds);
    return true;
}

bool text_seconds(struct text text, struct trace_time *time)
{
    struct text rest = text;
    if (!take_whole(&rest, TRACE_SECONDS_MAX, &time->s) || !take_fraction(&rest, &time->ps))
        return false;
    if (rest.begin == rest.end)
        return true;
    return (*rest.begin == 'e' || *rest.begin == 'E') && real_seconds(text, time);
}

/*
 * Days from 1970-01-01 to a date of the Gregorian calendar, year 1 on. Years are counted from
 * March, so that the leap day comes last. Source: Hinnant, "chrono-Compatible Low-Level Date
 * Algorithms", days_from_civil.
 */
static int64_t days_from_date(int year, int month, int day)
{
    int from_march = (month + 9) % 12;
    int years = month <= 2 ? year - 1 : year;
    int century_cycle = years / 400;
    int year_of_cycle = years % 400;
    int day_of_year = (153 * from_march + 2) / 5 + day - 1;
    int day_of_cycle = year_of_cycle * 365 + year_of_cycle / 4 - year_of_cycle / 100 + day_of_year;
    return (int64_t)century_cycle * 146097 + day_of_cycle - 719468;
}

static int days_of_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool is_leap_year = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return days[month - 1] + (month == 2 && is_leap_year);
}

static bool take_date(struct text *text, int64_t *days)
{
    int year;
    int month;
    int day;
    if (!take_fixed(text, 4, 1, 9999, &year) || !skip(text, '-') ||
        !take_fixed(text, 2, 1, 12, &month) || !skip(text, '-') ||
        !take_fixed(text, 2, 1, days_of_month(year, month), &day))
        return false;
    *days = days_from_date(year, month, day);
    return true;
}

static bool take_clock(struct text *text, int64_t *seconds)
{
    int hour;
    int minute;
    int second;
    if (!take_fixed(text, 2, 0, 23, &hour) || !skip(text, ':') ||
        !take_fixed(text, 2, 0, 59, &minute) || !skip(text, ':') ||
        !take_fixed(text, 2, 0, 60, &second))
        return false;
    *seconds = hour * 3600 + minute * 60 + second;
    return true;
}

/* Takes a zone, where there is one: what it is ahead of UTC. */
static bool take_zone(struct text *text, int64_t *ahead_s)
{
    *ahead_s = 0;
    if (text->begin == text->end || skip(text, 'Z'))
        return true;
    bool is_behind = *text->begin == '-';
    int hours;
    int minutes;
    if ((!skip(text, '+') && !skip(text, '-')) || !take_fixed(text, 2, 0, 23, &hours) ||
        !skip(text, ':') || !take_fixed(text, 2, 0, 59, &minutes))
        return false;
    *ahead_s = (is_behind ? -60 : 60) * (hours * 60 + minutes);
    return true;
}

bool text_timestamp(struct text text, struct trace_time *time)
{
    int64_t days;
    int64_t seconds;
    int64_t ahead_s;
    if (!take_date(&text, &days) || (!skip(&text, ' ') && !skip(&text, 'T')) ||
        !take_clock(&text, &seconds) || !take_fraction(&text, &time->ps) ||
        !take_zone(&text, &ahead_s) || text.begin != text.end)
        return false;
    time->s = days * SIM_DAY_S + seconds - ahead_s;
    return true;
}
