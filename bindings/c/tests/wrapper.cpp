// The C++ wrapper: everything it offers is called once.
#include <cmath>
#include <cstdio>
#include <cstring>
#include <thread>

#include "rhapsode.hpp"

static int faults = 0;
#define WANT(condition)                                                    \
    do {                                                                   \
        if (!(condition)) {                                                \
            std::fprintf(stderr, "line %d: %s\n", __LINE__, #condition);   \
            ++faults;                                                      \
        }                                                                  \
    } while (0)

int main() {
    rhapsode::Model model("model decay\nindex i = 1..2\nparam k[i] = 1\ninit x[i] = 1\nx[i]' = -k[i]*x[i]\n");
    WANT(model.name() == "decay" && model.states() == 2 && model.state_name(1) == "x[2]");

    rhapsode::Problem problem(model);
    problem.set("k", {1, 2}).set("x[1]", 3).span(0, 1).tolerances(1e-9, 1e-12).atol({1e-12, 1e-12});
    problem.method("DOP853").save_at({0.25, 1}).steps(1e-3, 0.5).limits(1000, 10).dense();
    rhapsode::Solution solution = problem.solve();
    WANT(solution.size() == 2 && solution.times()[0] == 0.25 && solution.method() == "DOP853");
    WANT(std::fabs(solution["x[1]"].back() - 3 * std::exp(-1)) < 1e-7);
    WANT(std::fabs(solution.state(1).back() - std::exp(-2)) < 1e-7);
    WANT(std::fabs(solution.at(0.5)[1] - std::exp(-1)) < 1e-6);
    double sum = 0;
    for (double x : solution["x[2]"]) sum += x;
    WANT(sum > 0);
    WANT(rhapsode::Problem(model).initial({5, 6}).span(0, 1).save_count(3).solve()["x[2]"][0] == 6);

    try {
        problem.limits(3, 0).solve();
        WANT(false);
    } catch (const rhapsode::RunError &error) {
        WANT(error.status == RHAPSODE_FAILED && error.partial && std::strstr(error.what(), "after 3 steps"));
    }
    try {
        rhapsode::Model("model m\nx' = 1\n");
        WANT(false);
    } catch (const rhapsode::Error &error) {
        WANT(error.status == RHAPSODE_BAD_MODEL && std::strstr(error.what(), "error[E"));
    }
    try {
        solution["z"];
        WANT(false);
    } catch (const rhapsode::Error &error) {
        WANT(error.status == RHAPSODE_UNKNOWN_NAME);
    }

    // A function of this program, with derivatives, and one that throws.
    rhapsode::Model open("model open\nextern fn f(x)\ninit x = 1\nx' = f(x)\n");
    double rate = -2;
    rhapsode::Function linear{[rate](const double *x, std::size_t) { return rate * x[0]; },
                              [rate](const double *, std::size_t, double *out) { out[0] = rate; }};
    rhapsode::Model bound = open.with_function("f", linear);
    rhapsode::Problem run(bound);
    run.span(0, 1).tolerances(1e-9, 1e-12).method("Rodas5P");
    WANT(std::fabs(run.solve()["x"].back() - std::exp(-2)) < 1e-7);
    rhapsode::Function fails{[](const double *x, std::size_t) -> double {
        if (x[0] < 0.5) throw std::domain_error("too little x");
        return -x[0];
    }};
    try {
        rhapsode::Model thrower = open.with_function("f", fails);
        rhapsode::Problem(thrower).span(0, 5).method("Tsit5").solve();
        WANT(false);
    } catch (const std::domain_error &error) {
        WANT(std::strcmp(error.what(), "too little x") == 0);
    }
    try {
        open.with_function("g", linear);
        WANT(false);
    } catch (const rhapsode::Error &error) {
        WANT(error.status == RHAPSODE_UNKNOWN_NAME && std::strstr(error.what(), "it has f"));
    }

    // One model in four threads.
    std::vector<std::thread> threads;
    std::vector<double> last(4);
    for (std::size_t k = 0; k < last.size(); ++k)
        threads.emplace_back([&, k] {
            rhapsode::Problem own(model);
            last[k] = own.set("k[1]", double(k)).span(0, 1).tolerances(1e-9, 1e-12).solve()["x[1]"].back();
        });
    for (std::thread &thread : threads) thread.join();
    for (std::size_t k = 0; k < last.size(); ++k) WANT(std::fabs(last[k] - std::exp(-double(k))) < 1e-7);

    if (faults == 0) std::printf("all is well\n");
    return faults != 0;
}
