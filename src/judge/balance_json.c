#include "balance_json.h"

#include "json_build.h"

json_t *balance_json_new(const struct balance *balance)
{
    return json_build_object((const struct json_member[]){
        {"answer", json_string(balance_answer_name(balance_answer(balance)))},
        {"growth", json_build_real(balance->growth)},
        {"half", json_build_real(balance->half)},
        {"filling", json_build_real(balance->filling)},
        {"settling", json_build_real(balance->settling)},
        {"requests", json_build_real(balance->requests)},
        {"requests_to_tell", json_build_real(balance->requests_to_tell)},
        {0},
    });
}

static double number_of(const json_t *object, const char *key, double otherwise)
{
    const json_t *value = json_object_get(object, key);
    return json_is_number(value) ? json_number_value(value) : otherwise;
}

struct balance balance_json_read(const json_t *object)
{
    return (struct balance){
        .growth = number_of(object, "growth", NAN),
        .half = number_of(object, "half", INFINITY),
        .filling = number_of(object, "filling", 1),
        .settling = number_of(object, "settling", BALANCE_LIMIT),
        .requests = number_of(object, "requests", NAN),
        .requests_to_tell = number_of(object, "requests_to_tell", NAN),
    };
}
