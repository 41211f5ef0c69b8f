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
    WANT(rhapsode_check_version(RHAPSODE_ABI_VERSION) == RHAPSODE_OK);
    WANT(rhapsode_check_version(RHAPSODE_ABI_VERSION + 1) == RHAPSODE_WRONG_VERSION);
    SAYS(rhapsode_last_error(), "`version` of the header is 2, that of the library 1");
    WANT(rhapsode_model_parse("m", NULL, &model) == RHAPSODE_NULL_POINTER && model == NULL);
    SAYS(rhapsode_last_error(), "`source` is NULL");
    WANT(rhapsode_model_parse("m", SPRING, NULL) == RHAPSODE_NULL_POINTER);
    SAYS(rhapsode_last_error(), "`out` is NULL");
    WANT(rhapsode_model_parse("m", "model \xff", &model) == RHAPSODE_NOT_UTF8 && model == NULL);
    SAYS(rhapsode_last_error(), "`source` is not UTF-8");

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
    SAYS(rhapsode_last_error(), "`model` was freed");
    WANT(rhapsode_problem_new(NULL, &problem) == RHAPSODE_BAD_HANDLE);
    SAYS(rhapsode_last_error(), "`model` is NULL");

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
    SAYS(rhapsode_last_error(), "`buffer` is NULL");
    WANT(rhapsode_model_state_name(model, 2, buffer, sizeof buffer, NULL) == RHAPSODE_WRONG_SIZE);
    SAYS(rhapsode_last_error(), "`k` is 2, and there are 2");
    size_t place = 7;
    WANT(rhapsode_model_find_state(model, "v", &place) == RHAPSODE_OK && place == 1);
    WANT(rhapsode_model_find_state(model, "w", &place) == RHAPSODE_UNKNOWN_NAME);
    SAYS(rhapsode_last_error(), "no state is called `w`");
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
    SAYS(rhapsode_last_error(), "`problem` was freed, or is no handle of that kind");
    WANT(rhapsode_problem_set_array(problem, "W", values, 3) == RHAPSODE_BAD_VALUE);
    WANT(rhapsode_problem_set_array(problem, "W", values, 1) == RHAPSODE_WRONG_SIZE);
    SAYS(rhapsode_problem_message(problem), "`W` has 2 elements, found 1");
    WANT(rhapsode_problem_set_array(problem, "V", values, 2) == RHAPSODE_UNKNOWN_NAME);
    WANT(rhapsode_problem_set_array(problem, "W", NULL, 2) == RHAPSODE_NULL_POINTER);
    WANT(rhapsode_problem_set_array(problem, "W", values, 2) == RHAPSODE_OK);
    WANT(rhapsode_problem_initial(problem, values, 3) == RHAPSODE_WRONG_SIZE);
    SAYS(rhapsode_problem_message(problem), "expected 2 initial values, found 3");
    WANT(rhapsode_problem_initial(problem, values + 1, 2) == RHAPSODE_BAD_VALUE);
    SAYS(rhapsode_last_error(), "one of the initial `values` is NaN");
    WANT(rhapsode_problem_save_at(problem, values, 3) == RHAPSODE_BAD_VALUE);
    SAYS(rhapsode_last_error(), "one of the `times` is NaN");
    WANT(rhapsode_problem_atol(problem, values + 1, 2) == RHAPSODE_BAD_VALUE);
    SAYS(rhapsode_last_error(), "`atol` is NaN or negative");
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
    SAYS(rhapsode_last_error(), "the run of `solution` was not asked for rhapsode_problem_dense");
    WANT(rhapsode_solution_column(solution, "e", &column) == RHAPSODE_OK && column[0] == 1);
    WANT(rhapsode_solution_column(solution, "f", &column) == RHAPSODE_UNKNOWN_NAME);
    WANT(rhapsode_solution_state(solution, 2) == NULL && rhapsode_solution_output(solution, 1) == NULL);
    WANT(rhapsode_solution_event(solution, 0, NULL, NULL) == RHAPSODE_WRONG_SIZE);
    SAYS(rhapsode_last_error(), "`k` is 0, and there were 0 events");
    WANT(rhapsode_solution_count(solution, "steps", &count) == RHAPSODE_OK && count > 0);
    WANT(rhapsode_solution_count(solution, "laps", &count) == RHAPSODE_UNKNOWN_NAME);
    SAYS(rhapsode_last_error(), "`what` is `laps`");
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
    SAYS(rhapsode_last_error(), "`problem` is in use by another thread");
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
    SAYS(rhapsode_last_error(), "`parameters` has 2 numbers, and there are 3 parameters");
    p[0] = NAN;
    WANT(rhapsode_workspace_new(model, p, 3, &workspace) == RHAPSODE_BAD_VALUE && workspace == NULL);
    SAYS(rhapsode_last_error(), "one of the `parameters` is NaN");
    p[0] = 3;
    WANT(rhapsode_workspace_new(model, NULL, 3, &workspace) == RHAPSODE_NULL_POINTER);
    WANT(rhapsode_workspace_new(model, p, 3, &workspace) == RHAPSODE_OK);
    WANT(rhapsode_workspace_rhs(workspace, 0, y, 2, dy) == RHAPSODE_OK && dy[0] == 2 && dy[1] == -9);
    WANT(rhapsode_workspace_rhs(workspace, 0, y, 3, dy) == RHAPSODE_WRONG_SIZE);
    SAYS(rhapsode_last_error(), "`n` is 3, and must be 2");
    WANT(rhapsode_workspace_rhs(workspace, 0, NULL, 2, dy) == RHAPSODE_NULL_POINTER);
    SAYS(rhapsode_last_error(), "`y` is NULL");
    WANT(rhapsode_workspace_entries(workspace) == 2);
    WANT(rhapsode_workspace_pattern(workspace, columns, 2, rows, 1) == RHAPSODE_WRONG_SIZE);
    WANT(rhapsode_workspace_pattern(workspace, columns, 2, rows, 2) == RHAPSODE_OK);
    WANT(columns[0] == 0 && columns[1] == 1 && columns[2] == 2 && rows[0] == 1 && rows[1] == 0);
    WANT(rhapsode_workspace_jacobian(workspace, 0, y, 2, entries, 2) == RHAPSODE_OK && entries[0] == -9 && entries[1] == 1);
    WANT(rhapsode_workspace_jacobian(workspace, 0, y, 2, entries, 1) == RHAPSODE_WRONG_SIZE);
    rhapsode_workspace_free(workspace);
    WANT(rhapsode_workspace_rhs(workspace, 0, y, 2, dy) == RHAPSODE_BAD_HANDLE);
}

static int released = 0;

static double twice(const double *x, size_t count, void *user) {
    (void)count;
    return *(double *)user * x[0];
}

static double silent(const double *x, size_t count, void *user) {
    (void)x, (void)count, (void)user;
    return NAN;
}

static void release(void *user) {
    (void)user;
    ++released;
}

/* A function of this program: its user pointer is given back whatever becomes of the call. */
static void functions(void) {
    rhapsode_model *plain, *model = NULL;
    rhapsode_problem *problem;
    rhapsode_solution *solution = NULL;
    double factor = -2;
    WANT(rhapsode_model_parse(NULL, "model m\nextern fn f(x)\ninit x = 1\nx' = f(x)\n", &plain) == RHAPSODE_OK);
    WANT(rhapsode_problem_new(plain, &problem) == RHAPSODE_OK);
    WANT(rhapsode_problem_span(problem, 0, 1) == RHAPSODE_OK);
    WANT(rhapsode_problem_solve(problem, &solution) == RHAPSODE_BAD_VALUE && solution == NULL);
    SAYS(rhapsode_last_error(), "`f` is a function of the host");
    SAYS(rhapsode_last_error(), "rhapsode_model_with_function");
    rhapsode_problem_free(problem);

    WANT(rhapsode_model_with_function(plain, "g", twice, NULL, NULL, &factor, release, &model) == RHAPSODE_UNKNOWN_NAME);
    SAYS(rhapsode_last_error(), "the model has no `extern fn g`; it has f");
    WANT(rhapsode_model_with_function(plain, "f", NULL, NULL, NULL, &factor, release, &model) == RHAPSODE_NULL_POINTER);
    SAYS(rhapsode_last_error(), "`value` is NULL");
    WANT(rhapsode_model_with_function(NULL, "f", twice, NULL, NULL, &factor, release, &model) == RHAPSODE_BAD_HANDLE);
    WANT(released == 3 && model == NULL);

    WANT(rhapsode_model_with_function(plain, "f", twice, NULL, NULL, &factor, release, &model) == RHAPSODE_OK);
    WANT(rhapsode_problem_new(model, &problem) == RHAPSODE_OK);
    rhapsode_model_free(model);
    WANT(rhapsode_problem_span(problem, 0, 1) == RHAPSODE_OK);
    /* The default method needs derivatives, and says so. */
    WANT(rhapsode_problem_solve(problem, &solution) == RHAPSODE_BAD_VALUE && solution == NULL);
    SAYS(rhapsode_last_error(), "auto needs the derivatives of `f`");
    SAYS(rhapsode_last_error(), "use Tsit5 or another explicit method");
    WANT(rhapsode_problem_method(problem, "Tsit5") == RHAPSODE_OK);
    WANT(rhapsode_problem_tolerances(problem, 1e-9, 1e-9) == RHAPSODE_OK);
    WANT(rhapsode_problem_solve(problem, &solution) == RHAPSODE_OK);
    const double *x = rhapsode_solution_state(solution, 0);
    WANT(fabs(x[rhapsode_solution_len(solution) - 1] - exp(-2)) < 1e-8);
    rhapsode_solution_free(solution);
    WANT(released == 3);
    rhapsode_problem_free(problem);
    WANT(released == 4);

    WANT(rhapsode_model_with_function(plain, "f", silent, NULL, NULL, NULL, NULL, &model) == RHAPSODE_OK);
    WANT(rhapsode_problem_new(model, &problem) == RHAPSODE_OK);
    WANT(rhapsode_problem_span(problem, 0, 1) == RHAPSODE_OK);
    WANT(rhapsode_problem_method(problem, "Tsit5") == RHAPSODE_OK);
    WANT(rhapsode_problem_solve(problem, &solution) == RHAPSODE_FAILED && solution != NULL);
    SAYS(rhapsode_last_error(), "not finite");
    rhapsode_solution_free(solution);
    rhapsode_problem_free(problem);
    rhapsode_model_free(model);
    rhapsode_model_free(plain);
}

static volatile int entered = 0, leave = 0;

/* Holds whoever evaluates it until it is let go. */
static double waits(const double *x, size_t count, void *user) {
    (void)count, (void)user;
    entered = 1;
    while (!leave) usleep(100);
    return x[0];
}

static void *evaluates(void *workspace) {
    double y = 2, dy = 0;
    rhapsode_status status = rhapsode_workspace_rhs(workspace, 0, &y, 1, &dy);
    return (void *)(size_t)(status == RHAPSODE_OK && dy == 2);
}

/* Two threads on one workspace: the second is told so. */
static void shared(void) {
    rhapsode_model *plain, *model;
    rhapsode_workspace *workspace;
    pthread_t thread;
    void *good;
    double y = 1, dy;
    WANT(rhapsode_model_parse(NULL, "model m\nextern fn f(x)\ninit x = 1\nx' = f(x)\n", &plain) == RHAPSODE_OK);
    WANT(rhapsode_model_with_function(plain, "f", waits, NULL, NULL, NULL, NULL, &model) == RHAPSODE_OK);
    WANT(rhapsode_workspace_new(model, NULL, 0, &workspace) == RHAPSODE_OK);
    WANT(pthread_create(&thread, NULL, evaluates, workspace) == 0);
    while (!entered) usleep(100);
    WANT(rhapsode_workspace_rhs(workspace, 0, &y, 1, &dy) == RHAPSODE_BUSY);
    SAYS(rhapsode_last_error(), "`workspace` is in use by another thread");
    leave = 1;
    pthread_join(thread, &good);
    WANT(good != NULL);
    WANT(rhapsode_workspace_rhs(workspace, 0, &y, 1, &dy) == RHAPSODE_OK && dy == 1);
    rhapsode_workspace_free(workspace);
    rhapsode_model_free(model);
    rhapsode_model_free(plain);
}

int main(void) {
    rhapsode_model *model;
    models();
    functions();
    shared();
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
