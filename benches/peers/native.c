/* One problem, solved by CVODE (dense, KLU, Adams) and by the LSODA and DOP853 libraries of numbalsoda.
 *
 * Compiled once per problem and per SUNDIALS version, together with `problem.c` (right-hand side, exact Jacobian,
 * pattern). Reads lines `solver rtol atol seconds`, repeats warm solves for about that long (at least once) and answers
 * each with one line of JSON: the median time of a solve, its counts and the values at the output times of the last one.
 * A solve starts from the initial values and stores all output times; memory and symbolic analysis are kept between
 * solves, as a user who solves often would do.
 */
#include <dlfcn.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cvode/cvode.h>
#include <nvector/nvector_serial.h>
#include <sundials/sundials_config.h>
#include <sunlinsol/sunlinsol_dense.h>
#include <sunlinsol/sunlinsol_klu.h>
#include <sunmatrix/sunmatrix_dense.h>
#include <sunmatrix/sunmatrix_sparse.h>
#include <sunnonlinsol/sunnonlinsol_fixedpoint.h>

extern const int dim, nnz, output_count, starts[], columns[];
extern const double start[], times[];
void rhs(double t, const double *y, double *dy);
void jacobian(double t, const double *y, double *values);

static double *values;                   /* the Jacobian in the order of the rows of the pattern */
static double *solution;                 /* output_count × dim */
static sunindextype *col_starts, *col_rows; /* the pattern by columns, and where each entry stands by rows */
static int *by_rows;

static int f(sunrealtype t, N_Vector y, N_Vector dy, void *unused) {
    (void)unused;
    rhs(t, N_VGetArrayPointer(y), N_VGetArrayPointer(dy));
    return 0;
}

static int dense_jacobian(sunrealtype t, N_Vector y, N_Vector fy, SUNMatrix J, void *u, N_Vector a, N_Vector b, N_Vector c) {
    (void)fy, (void)u, (void)a, (void)b, (void)c;
    jacobian(t, N_VGetArrayPointer(y), values);
    for (int row = 0; row < dim; row++)
        for (int e = starts[row]; e < starts[row + 1]; e++) SM_ELEMENT_D(J, row, columns[e]) = values[e];
    return 0;
}

static int sparse_jacobian(sunrealtype t, N_Vector y, N_Vector fy, SUNMatrix J, void *u, N_Vector a, N_Vector b, N_Vector c) {
    (void)fy, (void)u, (void)a, (void)b, (void)c;
    jacobian(t, N_VGetArrayPointer(y), values);
    memcpy(SM_INDEXPTRS_S(J), col_starts, (size_t)(dim + 1) * sizeof(sunindextype));
    memcpy(SM_INDEXVALS_S(J), col_rows, (size_t)nnz * sizeof(sunindextype));
    for (int e = 0; e < nnz; e++) SM_DATA_S(J)[e] = values[by_rows[e]];
    return 0;
}

static void pattern_by_columns(void) {
    col_starts = calloc((size_t)dim + 1, sizeof *col_starts);
    col_rows = malloc((size_t)nnz * sizeof *col_rows);
    by_rows = malloc((size_t)nnz * sizeof *by_rows);
    for (int e = 0; e < nnz; e++) col_starts[columns[e] + 1]++;
    for (int c = 0; c < dim; c++) col_starts[c + 1] += col_starts[c];
    sunindextype *next = malloc((size_t)dim * sizeof *next);
    memcpy(next, col_starts, (size_t)dim * sizeof *next);
    for (int row = 0; row < dim; row++)
        for (int e = starts[row]; e < starts[row + 1]; e++) {
            const sunindextype to = next[columns[e]]++;
            col_rows[to] = row;
            by_rows[to] = e;
        }
    free(next);
}

/* ---- CVODE ---- */

struct cvode {
    SUNContext context;
    void *memory;
    N_Vector y;
};

static struct cvode make_cvode(const char *kind) {
    struct cvode s;
#if SUNDIALS_VERSION_MAJOR >= 7
    SUNContext_Create(SUN_COMM_NULL, &s.context);
    SUNContext_ClearErrHandlers(s.context); /* failures are reported by return value */
#else
    SUNContext_Create(NULL, &s.context);
#endif
    s.y = N_VNew_Serial(dim, s.context);
    memcpy(N_VGetArrayPointer(s.y), start, (size_t)dim * sizeof(double));
    const int adams = !strcmp(kind, "adams");
    s.memory = CVodeCreate(adams ? CV_ADAMS : CV_BDF, s.context);
    CVodeInit(s.memory, f, times[0], s.y);
    CVodeSStolerances(s.memory, 1e-6, 1e-9);
    CVodeSetMaxNumSteps(s.memory, 200000);
    if (adams) {
        /* Functional iteration: what Adams is for. */
        CVodeSetNonlinearSolver(s.memory, SUNNonlinSol_FixedPoint(s.y, 0, s.context));
    } else if (!strcmp(kind, "dense")) {
        SUNMatrix J = SUNDenseMatrix(dim, dim, s.context);
        CVodeSetLinearSolver(s.memory, SUNLinSol_Dense(s.y, J, s.context), J);
        CVodeSetJacFn(s.memory, dense_jacobian);
    } else {
        SUNMatrix J = SUNSparseMatrix(dim, dim, nnz, CSC_MAT, s.context);
        CVodeSetLinearSolver(s.memory, SUNLinSol_KLU(s.y, J, s.context), J);
        CVodeSetJacFn(s.memory, sparse_jacobian);
    }
#if SUNDIALS_VERSION_MAJOR < 7
    CVodeSetErrFile(s.memory, NULL);
#endif
    return s;
}

static int solve_cvode(struct cvode *s, double rtol, double atol) {
    memcpy(N_VGetArrayPointer(s->y), start, (size_t)dim * sizeof(double));
    if (CVodeReInit(s->memory, times[0], s->y) < 0) return -1;
    CVodeSStolerances(s->memory, rtol, atol);
    for (int k = 0; k < output_count; k++) {
        double t;
        const int flag = CVode(s->memory, times[k + 1], s->y, &t, CV_NORMAL);
        if (flag < 0) return flag;
        memcpy(solution + (size_t)k * dim, N_VGetArrayPointer(s->y), (size_t)dim * sizeof(double));
    }
    return 0;
}

/* ---- numbalsoda's libraries ---- */

typedef void (*wrapper)(void *, int, double *, double *, int, double *, double *, double, double, int, int *);

static wrapper find(const char *variable, const char *symbol) {
    const char *path = getenv(variable);
    void *library = path ? dlopen(path, RTLD_NOW) : NULL;
    return library ? (wrapper)(size_t)dlsym(library, symbol) : NULL;
}

static void four_arguments(double t, double *y, double *dy, double *unused) {
    (void)unused;
    rhs(t, y, dy);
}

static int solve_wrapped(wrapper solver, double rtol, double atol, double *all) {
    double *y0 = all, none = 0.0;
    int success = 999;
    memcpy(y0, start, (size_t)dim * sizeof(double));
    solver((void *)(size_t)four_arguments, dim, y0, &none, output_count + 1, (double *)times, all + dim, rtol, atol, 200000, &success);
    memcpy(solution, all + 2 * dim, (size_t)output_count * dim * sizeof(double));
    return success == 1 ? 0 : -1;
}

/* ---- the loop ---- */

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int ascending(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

int main(void) {
    values = malloc((size_t)nnz * sizeof(double));
    solution = malloc((size_t)output_count * dim * sizeof(double));
    double *all = malloc((size_t)(output_count + 2) * dim * sizeof(double));
    static double spent[100000];
    pattern_by_columns();
    /* Where the wrappers come from is said by the caller; absent libraries are reported, not skipped. */
    const wrapper lsoda = find("LSODA", "lsoda_wrapper"), dop853 = find("DOP853", "dop853_wrapper");
    struct cvode made[3];
    const char *kinds[] = {"dense", "klu", "adams"};
    int have[3] = {0, 0, 0};
    char solver[32];
    double rtol, atol, budget;
    while (scanf("%31s %lf %lf %lf", solver, &rtol, &atol, &budget) == 4) {
        int which = -1, flag = -1, runs = 0;
        for (int k = 0; k < 3; k++)
            if (!strcmp(solver, kinds[k])) which = k;
        if (which >= 0 && !have[which]) made[which] = make_cvode(solver), have[which] = 1;
        const wrapper wrapped = !strcmp(solver, "lsoda") ? lsoda : !strcmp(solver, "dop853") ? dop853 : NULL;
        if (which < 0 && !wrapped) {
            printf("{\"error\": \"%s is not here\"}\n", solver);
            fflush(stdout);
            continue;
        }
        const double begun = now();
        do {
            const double before = now();
            flag = which >= 0 ? solve_cvode(&made[which], rtol, atol) : solve_wrapped(wrapped, rtol, atol, all);
            spent[runs++] = now() - before;
        } while (flag == 0 && runs < 100000 && (now() - begun < budget || (runs < 3 && now() - begun < 10 * budget)));
        if (flag) {
            printf("{\"error\": \"%s gave up (%d)\"}\n", solver, flag);
            fflush(stdout);
            continue;
        }
        qsort(spent, (size_t)runs, sizeof *spent, ascending);
        long steps = 0;
        if (which >= 0) CVodeGetNumSteps(made[which].memory, &steps);
        printf("{\"seconds\": %.9g, \"steps\": %ld, \"values\": [", spent[runs / 2], steps);
        for (int k = 0; k < output_count; k++) {
            printf(k ? ",[" : "[");
            for (int i = 0; i < dim; i++) printf(i ? ",%.17g" : "%.17g", isfinite(solution[k * dim + i]) ? solution[k * dim + i] : 1e300);
            printf("]");
        }
        printf("]}\n");
        fflush(stdout);
    }
    return 0;
}
