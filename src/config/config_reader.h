/*
 * config_reader: typed values by their keys, out of one mapping.
 *
 *     struct config_reader reader;
 *     config_reader_open(&reader, diagnostics, node, "layout");
 *     config_read_count(&reader, "replicas", CONFIG_OPTIONAL, 1, 64, &layout->replicas);
 *     config_reader_close(&reader);
 *
 * Reading is declaring: keys that nobody asked for are unknown, and closing
 * reports them, so ask for every key that a mapping may have. A key without a
 * value (`slo:`) counts as absent. Values keep what they held where their key
 * is absent or wrong, so set them to their defaults first. All mistakes go to
 * the diagnostics.
 */
#ifndef TANDEM_CONFIG_READER_H
#define TANDEM_CONFIG_READER_H

#include "config_value.h"

#define CONFIG_KEYS_MAX 48
#define CONFIG_READER_NAME_BYTES 48

enum config_presence { CONFIG_REQUIRED, CONFIG_OPTIONAL };

struct config_reader {
    struct diagnostics *diagnostics;
    const struct yaml_node *node; /* NULL: there is none, and nothing is missed in it */
    char name[CONFIG_READER_NAME_BYTES];
    const char *asked[CONFIG_KEYS_MAX];
    size_t asked_count;
};

/* Starts on `node`, which `name` names in messages. NULL, or what is reported not to be a mapping,
   reads as if all were there: nothing is missed. */
void config_reader_open(struct config_reader *reader, struct diagnostics *diagnostics,
                        const struct yaml_node *node, const char *name);

/* Starts on the mapping of a key, absent or not; its name is `parent.key`. */
void config_reader_enter(struct config_reader *reader, struct config_reader *parent,
                         const char *key, enum config_presence presence);

/* Reports nothing more: what the other keys should be hangs on one that is missing or wrong. */
void config_reader_abandon(struct config_reader *reader);

/* Reports the keys that were not asked for. */
void config_reader_close(struct config_reader *reader);

/* Whether the mapping has a value under the key, which counts as asked for. */
bool config_reader_has(struct config_reader *reader, const char *key);

/* Adds a diagnostic at the key's value, or at the mapping where the key is absent. */
void config_reader_report(const struct config_reader *reader, const char *key, const char *format,
                          ...) __attribute__((format(printf, 3, 4)));

/* Of two keys that are there, the one that was given last: by an option, else by the file that is
   based on the other's. What does not go together is its fault. */
const char *config_reader_last(const struct config_reader *reader, const char *a, const char *b);

/* Reports the key where it is given and should not be, because of `what`. */
void config_reader_refuse(struct config_reader *reader, const char *key, const char *what);

/* The value; NULL where it is absent, which is reported if it is required. */
const struct yaml_node *config_read_node(struct config_reader *reader, const char *key,
                                         enum config_presence presence);

/* As config_value.h has them, and true only where the key was there and right. */
bool config_read_count(struct config_reader *reader, const char *key, enum config_presence presence,
                       uint32_t min, uint32_t max, uint32_t *value);
bool config_read_count64(struct config_reader *reader, const char *key,
                         enum config_presence presence, uint64_t min, uint64_t max,
                         uint64_t *value);
bool config_read_number(struct config_reader *reader, const char *key,
                        enum config_presence presence, double min, double max, double *value);
bool config_read_ratio(struct config_reader *reader, const char *key, enum config_presence presence,
                       double *value);
bool config_read_quantity(struct config_reader *reader, const char *key,
                          enum config_presence presence, enum quantity_kind kind, double min,
                          double max, double *value);
bool config_read_text(struct config_reader *reader, const char *key, enum config_presence presence,
                      size_t bytes_max, const char **value);

/* The same, optional: without one, or with a wrong one, the value stays. */
bool config_read_flag(struct config_reader *reader, const char *key, bool *value);

/* The text of `name`, required, for a specification's field of `name_bytes` bytes. */
bool config_read_name(struct config_reader *reader, char *name, size_t name_bytes);

/* The index of the word among `words`; `fallback` where the key is absent or wrong. */
uint32_t config_read_choice(struct config_reader *reader, const char *key,
                            enum config_presence presence, const char *const *words,
                            size_t word_count, uint32_t fallback);

#endif
