#include "host.h"

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
