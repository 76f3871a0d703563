#include "host.h"

double host_slowest(const struct host *host, uint32_t processes)
{
    return 1 + host->process_spread * log2(processes);
}

void host_slow_down(struct host *host, double slowdown)
{
    double *const times_s[] = {
        &host->admission_s,      &host->schedule_s,          &host->schedule_per_request_s,
        &host->return_s,         &host->prepare_s,           &host->prepare_per_request_s,
        &host->receive_s,        &host->new_shape_s,         &host->new_shape_first_s,
        &host->launch_s,         &host->launch_decode_s,     &host->launch_chunk_s,
        &host->launch_history_s, &host->launch_collective_s, &host->launch_graph_s,
    };
    for (size_t i = 0; i < ARRAY_LENGTH(times_s); i++)
        *times_s[i] *= slowdown;
}

double host_launches_s(const struct host *host, const struct host_launches *launches)
{
    return launches->kernels * host->launch_s + launches->decodes * host->launch_decode_s +
           launches->chunks * host->launch_chunk_s + launches->histories * host->launch_history_s;
}

uint32_t host_captured_size(const struct host *host, uint32_t tokens)
{
    uint32_t low = 0;
    uint32_t high = host->captured_count;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (host->captured_sizes[middle] < tokens)
            low = middle + 1;
        else
            high = middle;
    }
    return low < host->captured_count ? host->captured_sizes[low] : 0;
}

uint32_t host_padding_max(const struct host *host, uint32_t from, uint32_t to)
{
    uint32_t most = 0;
    uint32_t first = from; /* of the batches that are padded to a size */
    for (uint32_t i = 0; i < host->captured_count && first <= to; i++) {
        uint32_t size = host->captured_sizes[i];
        if (size < first)
            continue;
        most = u32_max(most, size - first);
        first = size + 1;
    }
    return most;
}
