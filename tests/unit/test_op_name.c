/* Do names and operations find each other? */
#include "kernel_table.h"
#include "op_name.h"
#include "suite.h"

START_TEST(every_name_finds_its_own)
{
    /* Every name finds its own op, and no other does. */
    for (uint32_t op = 0; op < KERNEL_OP_COUNT; op++)
        ck_assert_uint_eq(kernel_op_named(kernel_op_names[op]), op);
    for (uint32_t op = 0; op < COLLECTIVE_OP_COUNT; op++)
        ck_assert_uint_eq(collective_op_named(collective_op_names[op]), op);
    ck_assert_int_eq(kernel_op_named("gem"), KERNEL_OP_COUNT);
    ck_assert_int_eq(collective_op_named("all_red"), COLLECTIVE_OP_COUNT);
    ck_assert_int_eq(kernel_op_of_span(SPAN_DOWN), KERNEL_GEMM);
    ck_assert_int_eq(kernel_op_of_span(SPAN_ALL_REDUCE), KERNEL_OP_COUNT);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {every_name_finds_its_own};
    return suite_run("op_name", tests, ARRAY_LENGTH(tests));
}
