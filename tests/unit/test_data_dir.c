/*
 * Does data_dir find the configs where its header says, in that order?
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "data_dir.h"
#include "suite.h"

#define PATH_BYTES 256

/* A scratch folder with source/configs, prefix/share/tandem/configs and an empty bare/. */
struct tree {
    char root[PATH_BYTES];
};

static const char *const folders[] = {
    "source",     "source/configs", "source/build",        "prefix",
    "prefix/bin", "prefix/share",   "prefix/share/tandem", "prefix/share/tandem/configs",
    "bare",
};
enum { FOLDER_COUNT = sizeof(folders) / sizeof(folders[0]) };

static void tree_path(const struct tree *tree, const char *name, char path[2 * PATH_BYTES])
{
    snprintf(path, 2 * PATH_BYTES, "%s/%s", tree->root, name);
}

static void tree_init(struct tree *tree)
{
    char path[2 * PATH_BYTES];
    strcpy(tree->root, "/tmp/tandem-data-dir-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(tree->root));
    for (int i = 0; i < FOLDER_COUNT; i++) {
        tree_path(tree, folders[i], path);
        ck_assert_int_eq(mkdir(path, 0700), 0);
    }
}

static void tree_release(struct tree *tree)
{
    char path[2 * PATH_BYTES];
    for (int i = FOLDER_COUNT - 1; i >= 0; i--) {
        tree_path(tree, folders[i], path);
        ck_assert_int_eq(rmdir(path), 0);
    }
    ck_assert_int_eq(rmdir(tree->root), 0);
}

START_TEST(test_environment_comes_first)
{
    struct tree tree;
    struct error error = {0};
    char data[2 * PATH_BYTES], executable[2 * PATH_BYTES], expected[2 * PATH_BYTES];
    char found[DATA_DIR_BYTES];
    tree_init(&tree);
    tree_path(&tree, "prefix/share/tandem", data);
    tree_path(&tree, "source/build/tandem", executable);
    tree_path(&tree, "prefix/share/tandem/configs", expected);

    /* Both places have configs; the environment's is taken. */
    struct data_dir_search search = {.environment = data, .executable = executable};
    ck_assert_int_eq(data_dir_find_configs(found, &search, &error), 0);
    ck_assert_str_eq(found, expected);
    tree_release(&tree);
}
END_TEST

START_TEST(test_wrong_environment_is_an_error)
{
    struct tree tree;
    struct error error = {0};
    char data[2 * PATH_BYTES], executable[2 * PATH_BYTES];
    char found[DATA_DIR_BYTES];
    tree_init(&tree);
    tree_path(&tree, "bare", data);
    tree_path(&tree, "source/build/tandem", executable);

    /* Falling back to the source tree would hide the mistake: the error names the setting. */
    struct data_dir_search search = {.environment = data, .executable = executable};
    ck_assert_int_eq(data_dir_find_configs(found, &search, &error), -ERROR_IO);
    ck_assert_int_eq(error.code, ERROR_IO);
    ck_assert_ptr_nonnull(strstr(error.text, "TANDEM_DATA_DIR"));
    ck_assert_ptr_nonnull(strstr(error.text, data));
    tree_release(&tree);
}
END_TEST

START_TEST(test_beside_the_executable)
{
    static const char *const executables[] = {"source/build/tandem", "prefix/bin/tandem"};
    static const char *const configs[] = {"source/configs", "prefix/share/tandem/configs"};
    struct tree tree;
    struct error error = {0};
    char executable[2 * PATH_BYTES], expected[2 * PATH_BYTES], found[DATA_DIR_BYTES];
    tree_init(&tree);

    /* In a source tree's build folder and under a moved prefix, as messages name it, without the
       way there; an empty setting is no setting. */
    for (int i = 0; i < 2; i++) {
        tree_path(&tree, executables[i], executable);
        tree_path(&tree, configs[i], expected);
        struct data_dir_search search = {.environment = "", .executable = executable};
        ck_assert_int_eq(data_dir_find_configs(found, &search, &error), 0);
        ck_assert_str_eq(found, expected);
    }
    tree_release(&tree);
}
END_TEST

START_TEST(test_long_paths_are_passed_over)
{
    static char path[2 * DATA_DIR_BYTES];
    struct error error = {0};
    char found[DATA_DIR_BYTES];
    memset(path, 'x', sizeof(path) - 1);
    path[0] = '/';
    path[sizeof(path) - 3] = '/';

    /* A path that does not fit names no folder: an error, not a cut-off path. */
    struct data_dir_search search = {.environment = path};
    ck_assert_int_eq(data_dir_find_configs(found, &search, &error), -ERROR_IO);

    /* The executable's folder does not fit either: the search goes on to the built-in folder. */
    struct data_dir_search beside = {.executable = path};
    int status = data_dir_find_configs(found, &beside, &error);
    ck_assert(status == -ERROR_IO ||
              strncmp(found, TANDEM_DATA_DIR_DEFAULT, strlen(TANDEM_DATA_DIR_DEFAULT)) == 0);
}
END_TEST

START_TEST(test_this_process)
{
    struct tree tree;
    struct error error = {0};
    char data[2 * PATH_BYTES], expected[2 * PATH_BYTES], found[DATA_DIR_BYTES];
    tree_init(&tree);
    tree_path(&tree, "source", data);
    tree_path(&tree, "source/configs", expected);

    /* The process's own environment is read. */
    ck_assert_int_eq(setenv("TANDEM_DATA_DIR", data, 1), 0);
    ck_assert_int_eq(data_dir_configs(found, &error), 0);
    ck_assert_str_eq(found, expected);
    tree_release(&tree);
}
END_TEST

static void touch(const char *path)
{
    FILE *file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(fclose(file), 0);
}

START_TEST(test_files_by_their_names)
{
    static char long_name[DATA_DIR_FILE_BYTES];
    struct tree tree;
    char configs[2 * PATH_BYTES], plain[2 * PATH_BYTES], yaml[2 * PATH_BYTES];
    char found[DATA_DIR_FILE_BYTES];
    tree_init(&tree);
    tree_path(&tree, "source/configs", configs);
    tree_path(&tree, "source/configs/file", plain);
    tree_path(&tree, "source/configs/file.yaml", yaml);

    /* What is there by the name as it stands is that, shipped or not; .yaml comes last. */
    ck_assert_str_eq(data_dir_file("file", configs, found), "file");
    touch(yaml);
    ck_assert_str_eq(data_dir_file("file", configs, found), yaml);
    ck_assert_str_eq(data_dir_file("file.yaml", configs, found), yaml);
    touch(plain);
    ck_assert_str_eq(data_dir_file("file", configs, found), plain);
    ck_assert_str_eq(data_dir_file(yaml, configs, found), yaml);

    /* A name without room for the folder and .yaml is no cut-off file's. */
    memset(long_name, 'x', sizeof(long_name) - 8);
    ck_assert_ptr_eq(data_dir_file(long_name, configs, found), long_name);
    ck_assert_int_eq(unlink(plain), 0);
    ck_assert_int_eq(unlink(yaml), 0);
    tree_release(&tree);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        test_environment_comes_first,
        test_wrong_environment_is_an_error,
        test_beside_the_executable,
        test_long_paths_are_passed_over,
        test_this_process,
        test_files_by_their_names,
    };
    return suite_run("data_dir", tests, ARRAY_LENGTH(tests));
}
