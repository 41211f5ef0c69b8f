/* HIRES, compiled ahead of time, in a C program. */
#include "hires.h"
#include <stdio.h>

int main(void)
{
    static double memory[HIRES_MEMORY];
    double times[11], rows[11 * HIRES_ROW];
    struct hires_options options = { .rtol = 1e-8, .atol = 1e-12 };
    struct hires_statistics statistics;
    for (int k = 0; k <= 10; k++)
        times[k] = 32.18122 * k;
    int64_t status = hires_solve(0, 0, 0.0, 321.8122, times, 11, rows, memory, &options, &statistics);
    for (int k = 0; k < (int)statistics.saved; k++)
        printf("%g %.10e\n", times[k], rows[k * HIRES_ROW + hires_y8]);
    return (int)status;
}
