/* A model whose drag is a function of this program: a table that it looks up itself. */
#include <stdio.h>
#include <stdlib.h>

#include "rhapsode.h"

static const char *MODEL =
    "model fall\n"
    "extern fn drag(v)\n"
    "init height = 1000, v = 0\n"
    "height' = v\n"
    "v' = -9.81 - drag(v)\n"
    "solve t = 0..20\n";

struct table {
    double speed[4], force[4];
    long calls;
};

/* The cell of |v|, and the slope there. */
static double slope(const struct table *table, double speed, int *cell) {
    for (*cell = 0; *cell < 2 && speed > table->speed[*cell + 1]; ++*cell)
        ;
    return (table->force[*cell + 1] - table->force[*cell]) / (table->speed[*cell + 1] - table->speed[*cell]);
}

static double drag(const double *arguments, size_t count, void *user) {
    struct table *table = user;
    double v = arguments[0], speed = v < 0 ? -v : v;
    int cell;
    double steep = slope(table, speed, &cell);
    (void)count;
    table->calls++; /* One thread solves here; with more, the count would want a lock. */
    return (v < 0 ? -1 : 1) * (table->force[cell] + steep * (speed - table->speed[cell]));
}

static void drag_gradient(const double *arguments, size_t count, double *out, void *user) {
    int cell;
    double v = arguments[0];
    (void)count;
    out[0] = slope(user, v < 0 ? -v : v, &cell);
}

static int give_up(void) {
    fprintf(stderr, "%s\n", rhapsode_last_error());
    return 1;
}

int main(void) {
    struct table *table = malloc(sizeof *table);
    *table = (struct table){ { 0, 20, 40, 80 }, { 0, 2, 9, 40 }, 0 };
    rhapsode_model *text, *model;
    rhapsode_problem *problem;
    rhapsode_solution *solution;
    if (rhapsode_model_parse("fall", MODEL, &text) != RHAPSODE_OK) return give_up();
    /* The table is freed when the last model and problem that use it are. */
    if (rhapsode_model_with_function(text, "drag", drag, drag_gradient, NULL, table, free, &model) != RHAPSODE_OK)
        return give_up();
    rhapsode_model_free(text);
    if (rhapsode_problem_new(model, &problem) != RHAPSODE_OK) return give_up();
    if (rhapsode_problem_method(problem, "Rodas5P") != RHAPSODE_OK) return give_up();
    if (rhapsode_problem_solve(problem, &solution) != RHAPSODE_OK) return give_up();
    const double *v;
    if (rhapsode_solution_column(solution, "v", &v) != RHAPSODE_OK) return give_up();
    printf("v(20) = %.4f after %s calls\n", v[rhapsode_solution_len(solution) - 1], table->calls > 0 ? "some" : "no");
    rhapsode_solution_free(solution);
    rhapsode_problem_free(problem);
    rhapsode_model_free(model);
    return 0;
}
