/* What C hosts get wrong, and what they are told. */
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "rhapsode.h"

static int faults = 0;

#define WANT(condition)                                              \
    do {                                                             \
        if (!(condition)) {                                          \
            fprintf(stderr, "line %d: %s\n", __LINE__, #condition);  \
            ++faults;                                                \
        }                                                            \
    } while (0)
#define SAYS(text, part) WANT((text) != NULL && strstr((text), (part)) != NULL)

static const char *SPRING = "model spring\nindex i = 1..2\nparam w = 2, W[i] = 1\ninit x = 1, v = 0\nx' = v\nv' = -w^2*x\noutput e = W[1]*x\n";

static void models(void) {
    rhapsode_model *model = (rhapsode_model *)0x10;
    WANT(rhapsode_model_parse("m", NULL, &model) == RHAPSODE_NULL_POINTER && model == NULL);
    WANT(rhapsode_model_parse("m", SPRING, NULL) == RHAPSODE_NULL_POINTER);
    WANT(rhapsode_model_parse("m", "model \xff", &model) == RHAPSODE_NOT_UTF8 && model == NULL);

    WANT(rhapsode_model_parse("wrong.ode", "model m\ninit x = 1\nx' = -k*x\n", &model) == RHAPSODE_BAD_MODEL);
    WANT(model != NULL);
    SAYS(rhapsode_model_message(model), "error[E0201]: unknown name `k`");
    SAYS(rhapsode_model_message(model), "wrong.ode:3:7");
    rhapsode_problem *problem = (rhapsode_problem *)0x10;
    WANT(rhapsode_problem_new(model, &problem) == RHAPSODE_BAD_MODEL && problem == NULL);
    WANT(rhapsode_model_states(model) == 0);
    rhapsode_model_free(model);
    rhapsode_model_free(model);
    rhapsode_model_free(NULL);
    rhapsode_model_free((rhapsode_model *)0xdeadbeef);
    WANT(rhapsode_model_message(model) == NULL && rhapsode_model_name(model) == NULL);
    WANT(rhapsode_problem_new(model, &problem) == RHAPSODE_BAD_HANDLE);

    WANT(rhapsode_model_load("no/such/file.ode", &model) == RHAPSODE_BAD_MODEL);
    SAYS(rhapsode_model_message(model), "cannot read `no/such/file.ode`");
    rhapsode_model_free(model);
}

static void names(rhapsode_model *model) {
    char buffer[4];
    size_t needed = 0;
    WANT(rhapsode_model_states(model) == 2 && rhapsode_model_parameters(model) == 3 && rhapsode_model_outputs(model) == 1);
    WANT(rhapsode_model_state_name(model, 1, buffer, sizeof buffer, &needed) == RHAPSODE_OK);
    WANT(strcmp(buffer, "v") == 0 && needed == 2);
    WANT(rhapsode_model_parameter_name(model, 2, buffer, sizeof buffer, &needed) == RHAPSODE_OK);
    WANT(strcmp(buffer, "W[2") == 0 && needed == 5);
    WANT(rhapsode_model_output_name(model, 0, NULL, 0, &needed) == RHAPSODE_OK && needed == 2);
    WANT(rhapsode_model_state_name(model, 0, NULL, 4, NULL) == RHAPSODE_NULL_POINTER);
    WANT(rhapsode_model_state_name(model, 2, buffer, sizeof buffer, NULL) == RHAPSODE_WRONG_SIZE);
    size_t place = 7;
    WANT(rhapsode_model_find_state(model, "v", &place) == RHAPSODE_OK && place == 1);
    WANT(rhapsode_model_find_state(model, "w", &place) == RHAPSODE_UNKNOWN_NAME);
    WANT(rhapsode_model_find_state(model, "v", NULL) == RHAPSODE_NULL_POINTER);
}

static void problems(rhapsode_model *model) {
    rhapsode_problem *problem;
    rhapsode_solution *solution = NULL;
    double values[3] = {1, 2, NAN};
    WANT(rhapsode_problem_new(model, NULL) == RHAPSODE_NULL_POINTER);
    WANT(rhapsode_problem_new(model, &problem) == RHAPSODE_OK);
    WANT(rhapsode_problem_set(problem, "omega", 1) == RHAPSODE_UNKNOWN_NAME);
    SAYS(rhapsode_problem_message(problem), "no parameter or state is called `omega`");
    WANT(rhapsode_problem_set(problem, "w", NAN) == RHAPSODE_BAD_VALUE);
    SAYS(rhapsode_problem_message(problem), "`w` is NaN");
    WANT(rhapsode_problem_set(problem, NULL, 1) == RHAPSODE_NULL_POINTER);
    WANT(rhapsode_problem_set(NULL, "w", 1) == RHAPSODE_BAD_HANDLE);
    WANT(rhapsode_problem_set((rhapsode_problem *)model, "w", 1) == RHAPSODE_BAD_HANDLE);
    WANT(rhapsode_problem_set_array(problem, "W", values, 3) == RHAPSODE_BAD_VALUE);
    WANT(rhapsode_problem_set_array(problem, "W", values, 1) == RHAPSODE_WRONG_SIZE);
    SAYS(rhapsode_problem_message(problem), "`W` has 2 elements, found 1");
    WANT(rhapsode_problem_set_array(problem, "V", values, 2) == RHAPSODE_UNKNOWN_NAME);
    WANT(rhapsode_problem_set_array(problem, "W", NULL, 2) == RHAPSODE_NULL_POINTER);
    WANT(rhapsode_problem_set_array(problem, "W", values, 2) == RHAPSODE_OK);
    WANT(rhapsode_problem_initial(problem, values, 3) == RHAPSODE_WRONG_SIZE);
    SAYS(rhapsode_problem_message(problem), "expected 2 initial values, found 3");
    WANT(rhapsode_problem_span(problem, 0, NAN) == RHAPSODE_BAD_VALUE);
    WANT(rhapsode_problem_tolerances(problem, -1, 1e-6) == RHAPSODE_BAD_VALUE);
    WANT(rhapsode_problem_tolerances(problem, NAN, 1e-6) == RHAPSODE_BAD_VALUE);
    SAYS(rhapsode_problem_message(problem), "rtol must not be NaN");
    WANT(rhapsode_problem_atol(problem, values, 1) == RHAPSODE_WRONG_SIZE);
    WANT(rhapsode_problem_method(problem, "RK54") == RHAPSODE_UNKNOWN_NAME);
    SAYS(rhapsode_problem_message(problem), "Tsit5");
    WANT(rhapsode_problem_steps(problem, -1, 0) == RHAPSODE_BAD_VALUE);
    WANT(rhapsode_problem_limits(problem, 0, -1) == RHAPSODE_BAD_VALUE);
    WANT(rhapsode_problem_save_at(problem, NULL, 2) == RHAPSODE_NULL_POINTER);
    WANT(rhapsode_problem_solve(problem, NULL) == RHAPSODE_NULL_POINTER);
    WANT(rhapsode_problem_span(problem, 1, 1) == RHAPSODE_OK);
    WANT(rhapsode_problem_solve(problem, &solution) == RHAPSODE_BAD_VALUE && solution == NULL);
    SAYS(rhapsode_problem_message(problem), "the span 1..1 is empty");

    /* A run that fails keeps what it has. */
    WANT(rhapsode_problem_span(problem, 0, 100) == RHAPSODE_OK);
    WANT(rhapsode_problem_save_count(problem, 0) == RHAPSODE_OK);
    WANT(rhapsode_problem_limits(problem, 5, 0) == RHAPSODE_OK);
    WANT(rhapsode_problem_solve(problem, &solution) == RHAPSODE_FAILED && solution != NULL);
    SAYS(rhapsode_problem_message(problem), "after 5 steps");
    WANT(rhapsode_solution_len(solution) > 1);

    double y[2];
    const double *column = NULL;
    uint64_t count = 0;
    WANT(rhapsode_solution_at(solution, 0, y, 2) == RHAPSODE_BAD_VALUE);
    WANT(rhapsode_solution_column(solution, "e", &column) == RHAPSODE_OK && column[0] == 1);
    WANT(rhapsode_solution_column(solution, "f", &column) == RHAPSODE_UNKNOWN_NAME);
    WANT(rhapsode_solution_state(solution, 2) == NULL && rhapsode_solution_output(solution, 1) == NULL);
    WANT(rhapsode_solution_event(solution, 0, NULL, NULL) == RHAPSODE_WRONG_SIZE);
    WANT(rhapsode_solution_count(solution, "steps", &count) == RHAPSODE_OK && count > 0);
    WANT(rhapsode_solution_count(solution, "laps", &count) == RHAPSODE_UNKNOWN_NAME);
    rhapsode_solution_free(solution);
    rhapsode_solution_free(solution);
    WANT(rhapsode_solution_times(solution) == NULL && rhapsode_solution_len(solution) == 0);
    rhapsode_problem_free(problem);
    WANT(rhapsode_problem_solve(problem, &solution) == RHAPSODE_BAD_HANDLE);
    WANT(rhapsode_problem_cancel(problem) == RHAPSODE_BAD_HANDLE);
}

static void *solves(void *problem) {
    rhapsode_solution *solution = NULL;
    rhapsode_status status = rhapsode_problem_solve(problem, &solution);
    rhapsode_solution_free(solution);
    return (void *)(size_t)status;
}

/* A long run in one thread; the other is told that it is busy, cancels it, and frees the model under it. */
static void threads(void) {
    rhapsode_model *model;
    rhapsode_problem *problem;
    pthread_t thread;
    void *status;
    rhapsode_status busy = RHAPSODE_OK;
    WANT(rhapsode_model_parse(NULL, SPRING, &model) == RHAPSODE_OK);
    WANT(rhapsode_problem_new(model, &problem) == RHAPSODE_OK);
    WANT(rhapsode_problem_span(problem, 0, 1e15) == RHAPSODE_OK);
    WANT(rhapsode_problem_save_count(problem, 2) == RHAPSODE_OK);
    WANT(pthread_create(&thread, NULL, solves, problem) == 0);
    for (int tries = 0; busy != RHAPSODE_BUSY && tries < 100000; tries++) {
        usleep(100);
        busy = rhapsode_problem_set(problem, "w", 2);
    }
    WANT(busy == RHAPSODE_BUSY);
    rhapsode_model_free(model);
    /* The flag is lowered when a run starts: it may have to be raised again. */
    while (rhapsode_problem_set(problem, "w", 2) == RHAPSODE_BUSY) {
        WANT(rhapsode_problem_cancel(problem) == RHAPSODE_OK);
        usleep(100);
    }
    pthread_join(thread, &status);
    WANT((rhapsode_status)(size_t)status == RHAPSODE_CANCELLED);
    SAYS(rhapsode_problem_message(problem), "interrupted");
    rhapsode_problem_free(problem);
}

static void workspaces(rhapsode_model *model) {
    rhapsode_workspace *workspace;
    double p[3] = {3, 1, 1}, y[2] = {1, 2}, dy[2], entries[2];
    size_t columns[3], rows[2];
    WANT(rhapsode_workspace_new(model, p, 2, &workspace) == RHAPSODE_WRONG_SIZE && workspace == NULL);
    WANT(rhapsode_workspace_new(model, NULL, 3, &workspace) == RHAPSODE_NULL_POINTER);
    WANT(rhapsode_workspace_new(model, p, 3, &workspace) == RHAPSODE_OK);
    WANT(rhapsode_workspace_rhs(workspace, 0, y, 2, dy) == RHAPSODE_OK && dy[0] == 2 && dy[1] == -9);
    WANT(rhapsode_workspace_rhs(workspace, 0, y, 3, dy) == RHAPSODE_WRONG_SIZE);
    WANT(rhapsode_workspace_rhs(workspace, 0, NULL, 2, dy) == RHAPSODE_NULL_POINTER);
    WANT(rhapsode_workspace_entries(workspace) == 2);
    WANT(rhapsode_workspace_pattern(workspace, columns, 2, rows, 1) == RHAPSODE_WRONG_SIZE);
    WANT(rhapsode_workspace_pattern(workspace, columns, 2, rows, 2) == RHAPSODE_OK);
    WANT(columns[0] == 0 && columns[1] == 1 && columns[2] == 2 && rows[0] == 1 && rows[1] == 0);
    WANT(rhapsode_workspace_jacobian(workspace, 0, y, 2, entries, 2) == RHAPSODE_OK && entries[0] == -9 && entries[1] == 1);
    WANT(rhapsode_workspace_jacobian(workspace, 0, y, 2, entries, 1) == RHAPSODE_WRONG_SIZE);
    rhapsode_workspace_free(workspace);
    WANT(rhapsode_workspace_rhs(workspace, 0, y, 2, dy) == RHAPSODE_BAD_HANDLE);
}

int main(void) {
    rhapsode_model *model;
    models();
    if (rhapsode_model_parse(NULL, SPRING, &model) != RHAPSODE_OK) {
        fprintf(stderr, "%s\n", rhapsode_model_message(model));
        return 1;
    }
    names(model);
    problems(model);
    workspaces(model);
    rhapsode_model_free(model);
    threads();
    if (faults == 0) printf("all is well\n");
    return faults != 0;
}
