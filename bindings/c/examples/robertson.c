/* Robertson's reaction from C: compile once, solve twice, read columns by name. */
#include <math.h>
#include <stdio.h>

#include "rhapsode.h"

static const char *MODEL =
    "model robertson\n"
    "param k1 = 0.04, k2 = 3e7, k3 = 1e4\n"
    "init A = 1, B = 0, C = 0\n"
    "A' = -k1*A + k3*B*C\n"
    "B' =  k1*A - k3*B*C - k2*B^2\n"
    "C' =  k2*B^2\n"
    "output total = A + B + C\n";

int main(void) {
    int failed = 1;
    rhapsode_model *model = NULL;
    rhapsode_problem *problem = NULL;
    rhapsode_solution *solution = NULL;

    if (rhapsode_abi_version() != RHAPSODE_ABI_VERSION) {
        fprintf(stderr, "the library is of another version than the header\n");
        return 1;
    }
    if (rhapsode_model_parse("robertson", MODEL, &model) != RHAPSODE_OK) {
        fprintf(stderr, "%s\n", rhapsode_model_message(model));
        goto done;
    }
    if (rhapsode_problem_new(model, &problem) != RHAPSODE_OK
        || rhapsode_problem_span(problem, 0, 1e6) != RHAPSODE_OK
        || rhapsode_problem_tolerances(problem, 1e-8, 1e-14) != RHAPSODE_OK
        || rhapsode_problem_save_count(problem, 11) != RHAPSODE_OK) {
        fprintf(stderr, "%s\n", rhapsode_problem_message(problem));
        goto done;
    }
    for (double k1 = 0.04; k1 < 0.06; k1 += 0.01) {
        const double *a, *total;
        if (rhapsode_problem_set(problem, "k1", k1) != RHAPSODE_OK
            || rhapsode_problem_solve(problem, &solution) != RHAPSODE_OK) {
            fprintf(stderr, "%s\n", rhapsode_problem_message(problem));
            goto done;
        }
        size_t last = rhapsode_solution_len(solution) - 1;
        if (rhapsode_solution_column(solution, "A", &a) != RHAPSODE_OK
            || rhapsode_solution_column(solution, "total", &total) != RHAPSODE_OK) {
            goto done;
        }
        printf("k1 = %.2f: A(%g) = %.6e, total = %.12f\n", k1, rhapsode_solution_times(solution)[last], a[last],
               total[last]);
        if (fabs(total[last] - 1) > 1e-7) goto done;
        rhapsode_solution_free(solution);
        solution = NULL;
    }
    failed = 0;

done:
    rhapsode_solution_free(solution);
    rhapsode_problem_free(problem);
    rhapsode_model_free(model);
    return failed;
}
