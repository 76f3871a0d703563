/* Do names and operations find each other? */
#include "collective.h"
#include "op_name.h"
#include "suite.h"

START_TEST(every_name_finds_its_own)
{
    /* Every name finds its own op, and no other does. */
    for (uint32_t op = 0; op < KERNEL_OP_COUNT; op++)
        ck_assert_uint_eq(kernel_op_named(kernel_op_names[op]), op);
    ck_assert_int_eq(kernel_op_named("gem"), KERNEL_OP_COUNT);
    ck_assert_int_eq(kernel_op_of_span(SPAN_DOWN), KERNEL_GEMM);
    ck_assert_int_eq(kernel_op_of_span(SPAN_ALL_REDUCE), KERNEL_OP_COUNT);
}
END_TEST

START_TEST(every_collective_finds_its_own_name)
{
    /* Every name tells the operation of that name, but for vLLM's own all-reduce, which is NCCL's
       operation by another kernel; and what it tells has that name. */
    struct collective_kind kind = {.graph = true};
    for (uint32_t i = 0; i < OPERATION_COUNT; i++) {
        const char *name = collective_operation_name((enum collective_operation)i);
        ck_assert(collective_named(name, &kind));
        ck_assert_uint_eq(kind.operation, i);
        ck_assert(!kind.is_custom && kind.graph);
        ck_assert_str_eq(collective_name(&kind), name);
    }
    ck_assert(collective_named("custom_all_reduce", &kind));
    ck_assert(kind.is_custom && kind.operation == OPERATION_ALL_REDUCE);
    ck_assert_str_eq(collective_name(&kind), "custom_all_reduce");
    ck_assert(!collective_named("all_red", &kind));
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {every_name_finds_its_own, every_collective_finds_its_own_name};
    return suite_run("op_name", tests, ARRAY_LENGTH(tests));
}
