/*
 * Does a YAML text become the tree that it means, and is a wrong one refused
 * at the right place?
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "suite.h"
#include "yaml_tree.h"

/* A text and what became of it. */
struct parse {
    struct arena arena;
    struct source source;
    struct diagnostics diagnostics;
    struct yaml_node *root;
};

static void parse_init(struct parse *parse, const char *text)
{
    arena_init(&parse->arena);
    diagnostics_init(&parse->diagnostics);
    parse->source =
        (struct source){.name = "a.yaml", .directory = "", .text = text, .bytes = strlen(text)};
    parse->root =
        yaml_tree_parse(&parse->source, text, strlen(text), &parse->arena, &parse->diagnostics);
}

static void parse_release(struct parse *parse)
{
    arena_release(&parse->arena);
}

/* The value at `key` of a mapping, which must have it. */
static const struct yaml_node *value_of(const struct yaml_node *mapping, const char *key)
{
    ck_assert_int_eq(mapping->kind, YAML_KIND_MAPPING);
    const struct yaml_entry *entry = yaml_node_find(mapping, key);
    ck_assert_msg(entry != NULL, "no key '%s'", key);
    return entry->value;
}

static void expect_error(const char *text, const char *start)
{
    struct parse parse;
    struct error error = {0};
    parse_init(&parse, text);
    diagnostics_to_error(&parse.diagnostics, &error);
    ck_assert_msg(strncmp(error.text, start, strlen(start)) == 0, "%s\nsaid\n%s", text, error.text);
    parse_release(&parse);
}

START_TEST(test_tree_and_positions)
{
    struct parse parse;
    parse_init(&parse, "model: tiny\nsizes: [1, \"2\"]\nrun:\n  seed: 7\n");
    ck_assert_ptr_nonnull(parse.root);
    const struct yaml_node *sizes = value_of(parse.root, "sizes");
    const struct yaml_node *seed = value_of(value_of(parse.root, "run"), "seed");

    ck_assert_str_eq(value_of(parse.root, "model")->text, "tiny");
    ck_assert_int_eq(sizes->kind, YAML_KIND_SEQUENCE);
    ck_assert_uint_eq(sizes->entry_count, 2);
    ck_assert(sizes->first->value->is_plain);
    ck_assert(!sizes->last->value->is_plain);
    /* `7` stands in line 4, column 9, counted from 1. */
    ck_assert_str_eq(seed->text, "7");
    ck_assert_uint_eq(seed->position.line, 4);
    ck_assert_uint_eq(seed->position.column, 9);
    /* Three keys, their values, and below those 2 + 2: eleven with the root. */
    ck_assert_uint_eq(parse.root->node_count, 11);
    parse_release(&parse);
}
END_TEST

START_TEST(test_nulls)
{
    struct parse parse;
    parse_init(&parse, "a:\nb: ~\nc: null\nd: ''\ne: \"~\"\nf: []\n");
    ck_assert(yaml_node_is_null(value_of(parse.root, "a")));
    ck_assert(yaml_node_is_null(value_of(parse.root, "b")));
    ck_assert(yaml_node_is_null(value_of(parse.root, "c")));
    /* In quotes it is a text, and an empty list is a list. */
    ck_assert(!yaml_node_is_null(value_of(parse.root, "d")));
    ck_assert(!yaml_node_is_null(value_of(parse.root, "e")));
    ck_assert(!yaml_node_is_null(value_of(parse.root, "f")));
    parse_release(&parse);
}
END_TEST

START_TEST(test_aliases)
{
    struct parse parse;
    parse_init(&parse, "a: &x {n: 1}\nb: *x\nc: &x 2\nd: *x\n");
    ck_assert_ptr_nonnull(parse.root);
    /* An alias is its anchor's node; a name given again means the newer node. */
    ck_assert_ptr_eq(value_of(parse.root, "a"), value_of(parse.root, "b"));
    ck_assert_str_eq(value_of(parse.root, "d")->text, "2");
    parse_release(&parse);
}
END_TEST

START_TEST(test_merge_keys)
{
    struct parse parse;
    parse_init(&parse, "a: &a {x: 1, y: 1}\nb: &b {y: 2, z: 2}\nc: {x: 3, <<: [*a, *b]}\n");
    ck_assert_ptr_nonnull(parse.root);
    /* The mapping's own x wins, then a's y over b's, and z comes from b. */
    const struct yaml_node *merged = value_of(parse.root, "c");
    ck_assert_str_eq(value_of(merged, "x")->text, "3");
    ck_assert_str_eq(value_of(merged, "y")->text, "1");
    ck_assert_str_eq(value_of(merged, "z")->text, "2");
    ck_assert_uint_eq(merged->entry_count, 3);
    parse_release(&parse);
}
END_TEST

START_TEST(test_copies_leave_the_original)
{
    struct parse parse;
    parse_init(&parse, "a: &x {n: 1}\nb: *x\n");
    struct yaml_node *copy = yaml_node_copy(&parse.arena, value_of(parse.root, "a"));
    yaml_node_find(copy, "n")->value =
        yaml_node_new_scalar(&parse.arena, copy->position, "changed");
    ck_assert_str_eq(value_of(value_of(parse.root, "b"), "n")->text, "1");
    ck_assert_str_eq(value_of(copy, "n")->text, "changed");
    parse_release(&parse);
}
END_TEST

START_TEST(test_errors_name_their_place)
{
    /* Where it opens first, for what is not closed is noticed lines later. */
    expect_error("a: [1\nb: 2\n", "a.yaml:1:4: parsing a flow sequence began here\n"
                                  "    1 | a: [1\n"
                                  "      |    ^\n"
                                  "a.yaml:2:2: bad YAML: did not find expected ',' or ']'");
    expect_error("a: 1\nb: 2\na: 3\n", "a.yaml:3:1: duplicate key 'a'; the first is at a.yaml:1:1");
    expect_error("a: *b\n", "a.yaml:1:4: alias '*b' has no anchor");
    expect_error("a: &a [*a]\n", "a.yaml:1:8: alias '*a' stands inside its anchor");
    expect_error("a: !x 1\n", "a.yaml:1:4: tags such as '!x'");
    expect_error("{a: 1}: 2\n", "a.yaml:1:1: a key must be a plain word");
    expect_error("", "a.yaml: holds no value");
    expect_error("--- 1\n--- 2\n", "a.yaml:2:1: a second document");
    expect_error("a: \"\\0\"\n", "a.yaml:1:4: a value holds a NUL character");
    /* In characters: the e with an accent is one. */
    expect_error("# ok\nb: \xC3\xA9\xFF\n", "a.yaml:2:5: bad text: invalid leading UTF-8 octet");
    expect_error("a: \x01\n", "a.yaml:1:4: bad text: control characters are not allowed");
    expect_error("\xFF\xFE"
                 "a:\n",
                 "a.yaml:1:1: bad text: invalid leading UTF-8 octet");
}
END_TEST

START_TEST(test_duplicates_are_all_found)
{
    struct parse parse;
    parse_init(&parse, "a: 1\na: 2\nb: {c: 1, c: 2}\na: 3\n");
    ck_assert_uint_eq(parse.diagnostics.count, 3);
    parse_release(&parse);
}
END_TEST

/* `count` times `opening`, then `count` times `closing`. */
static char *nested(char opening, char closing, size_t count)
{
    char *text = malloc(2 * count + 1);
    ck_assert_ptr_nonnull(text);
    memset(text, opening, count);
    memset(text + count, closing, count);
    text[2 * count] = '\0';
    return text;
}

START_TEST(test_depth_has_a_limit)
{
    /* 64 levels are taken, the 65th is an error. */
    struct parse parse;
    char *deep = nested('[', ']', YAML_TREE_DEPTH_MAX);
    parse_init(&parse, deep);
    ck_assert_ptr_nonnull(parse.root);
    parse_release(&parse);
    free(deep);

    char *deeper = nested('[', ']', YAML_TREE_DEPTH_MAX + 1);
    expect_error(deeper, "a.yaml:1:65: nested deeper than 64 levels");
    free(deeper);
}
END_TEST

START_TEST(test_values_have_a_limit)
{
    /* A list of n items is n + 1 values: 9,999 items are taken, 10,000 are not. */
    char *text = calloc(2 * YAML_TREE_NODES_MAX + 2, 1);
    ck_assert_ptr_nonnull(text);
    struct parse parse;
    strcpy(text, "[");
    for (int i = 0; i < YAML_TREE_NODES_MAX - 1; i++)
        memcpy(text + 1 + 2 * i, "1,", 2);
    text[2 * YAML_TREE_NODES_MAX - 1] = ']';
    parse_init(&parse, text);
    ck_assert_ptr_nonnull(parse.root);
    ck_assert_uint_eq(parse.root->node_count, YAML_TREE_NODES_MAX);
    parse_release(&parse);

    memcpy(text + 2 * YAML_TREE_NODES_MAX - 1, "1]", 2);
    expect_error(text, "a.yaml:1:20000: more than 10000 values");
    free(text);
}
END_TEST

START_TEST(test_aliases_count_as_what_they_stand_for)
{
    /* Ten to the ninth laughs in ten lines, stopped long before. */
    char text[1024] = "a0: &a0 ha\n";
    for (int i = 1; i < 10; i++) {
        size_t length = strlen(text);
        snprintf(text + length, sizeof(text) - length,
                 "a%d: &a%d [*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d]\n", i, i, i - 1,
                 i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1);
    }
    expect_error(text, "a.yaml:5:");
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        test_tree_and_positions,
        test_nulls,
        test_aliases,
        test_merge_keys,
        test_copies_leave_the_original,
        test_errors_name_their_place,
        test_duplicates_are_all_found,
        test_depth_has_a_limit,
        test_values_have_a_limit,
        test_aliases_count_as_what_they_stand_for,
    };
    return suite_run("yaml_tree", tests, ARRAY_LENGTH(tests));
}
