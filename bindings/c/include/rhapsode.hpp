// Rhapsode for C++: rhapsode.h with exceptions for statuses and destructors for frees. Header only, C++17.
#ifndef RHAPSODE_HPP
#define RHAPSODE_HPP

#include <exception>
#include <functional>
#include <limits>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "rhapsode.h"

namespace rhapsode {

// What a call could not do; `status` says which kind of thing went wrong.
class Error : public std::runtime_error {
public:
    Error(rhapsode_status status, const char *message)
        : std::runtime_error(message && *message ? message : "status " + std::to_string(int(status))), status(status) {}
    const rhapsode_status status;
};

namespace detail {
template <class T, void (*Free)(T *)> struct Deleter {
    void operator()(T *handle) const { Free(handle); }
};
inline std::string text(const char *text) { return text ? text : ""; }
// What a function of the host has thrown in a run of this thread, through which no exception can travel.
inline std::exception_ptr &thrown() {
    thread_local std::exception_ptr exception;
    return exception;
}
} // namespace detail

// A function for a model's `extern fn`: from `count` arguments to its value, and its derivatives, one per argument, which
// implicit methods need; second ones count * count. May be called from all threads that solve at once. What it throws
// leaves Problem::solve, when the run that called it is over.
struct Function {
    std::function<double(const double *arguments, std::size_t count)> value;
    std::function<void(const double *arguments, std::size_t count, double *out)> gradient = {}, hessian = {};
};

namespace detail {
inline double value(const double *arguments, std::size_t count, void *user) {
    try {
        return static_cast<Function *>(user)->value(arguments, count);
    } catch (...) {
        thrown() = std::current_exception();
        return std::numeric_limits<double>::quiet_NaN();
    }
}
template <std::function<void(const double *, std::size_t, double *)> Function::*Which>
void derivatives(const double *arguments, std::size_t count, double *out, void *user) {
    try {
        (static_cast<Function *>(user)->*Which)(arguments, count, out);
    } catch (...) {
        thrown() = std::current_exception();
        out[0] = std::numeric_limits<double>::quiet_NaN();
    }
}
inline void release(void *user) { delete static_cast<Function *>(user); }
} // namespace detail

// A compiled model; it may be shared by threads.
class Model {
public:
    // From the text of a model.
    explicit Model(const std::string &source, const std::string &name = "model") {
        rhapsode_model *handle = nullptr;
        rhapsode_status status = rhapsode_model_parse(name.c_str(), source.c_str(), &handle);
        take(handle, status);
    }
    // From a file, and the files that it uses.
    static Model load(const std::string &path) {
        rhapsode_model *handle = nullptr;
        rhapsode_status status = rhapsode_model_load(path.c_str(), &handle);
        Model model;
        model.take(handle, status);
        return model;
    }
    // The same model with a function of this program in the place of its `extern fn` of that name.
    Model with_function(const std::string &name, Function function) const {
        auto gradient = function.gradient ? detail::derivatives<&Function::gradient> : nullptr;
        auto hessian = function.hessian ? detail::derivatives<&Function::hessian> : nullptr;
        auto value = function.value ? detail::value : nullptr;
        rhapsode_model *handle = nullptr;
        rhapsode_status status = rhapsode_model_with_function(get(), name.c_str(), value, gradient, hessian,
                                                              new Function(std::move(function)), detail::release, &handle);
        Model model;
        model.take(handle, status);
        return model;
    }
    std::string name() const { return detail::text(rhapsode_model_name(get())); }
    std::size_t states() const { return rhapsode_model_states(get()); }
    std::string state_name(std::size_t k) const {
        std::size_t needed = 0;
        rhapsode_status status = rhapsode_model_state_name(get(), k, nullptr, 0, &needed);
        if (status != RHAPSODE_OK) throw Error(status, "there is no such state");
        std::string name(needed, '\0');
        rhapsode_model_state_name(get(), k, name.data(), needed, nullptr);
        name.pop_back();
        return name;
    }
    const rhapsode_model *get() const { return handle.get(); }

private:
    Model() = default;
    void take(rhapsode_model *taken, rhapsode_status status) {
        handle.reset(taken);
        if (status != RHAPSODE_OK) throw Error(status, rhapsode_last_error());
        status = rhapsode_check_version(RHAPSODE_ABI_VERSION);
        if (status != RHAPSODE_OK) throw Error(status, rhapsode_last_error());
    }
    std::unique_ptr<rhapsode_model, detail::Deleter<rhapsode_model, rhapsode_model_free>> handle;
};

// The result of a run; columns belong to it.
class Solution {
public:
    // Numbers that belong to a solution.
    struct Column {
        const double *first;
        std::size_t count;
        const double *begin() const { return first; }
        const double *end() const { return first + count; }
        std::size_t size() const { return count; }
        double operator[](std::size_t k) const { return first[k]; }
        double back() const { return first[count - 1]; }
    };
    explicit Solution(rhapsode_solution *handle) : handle(handle) {}
    std::size_t size() const { return rhapsode_solution_len(get()); }
    Column times() const { return {rhapsode_solution_times(get()), size()}; }
    Column state(std::size_t k) const {
        const double *values = rhapsode_solution_state(get(), k);
        if (!values) throw Error(RHAPSODE_WRONG_SIZE, "there is no such state");
        return {values, size()};
    }
    Column operator[](const std::string &name) const {
        const double *values = nullptr;
        rhapsode_status status = rhapsode_solution_column(get(), name.c_str(), &values);
        if (status != RHAPSODE_OK) throw Error(status, rhapsode_last_error());
        return {values, size()};
    }
    // The states at a time, of a run that was asked to keep them between the points.
    std::vector<double> at(double t) const {
        std::vector<double> y(states);
        rhapsode_status status = rhapsode_solution_at(get(), t, y.data(), y.size());
        if (status != RHAPSODE_OK) throw Error(status, rhapsode_last_error());
        return y;
    }
    // When each event happened, and its name.
    std::vector<std::pair<double, std::string>> events() const {
        std::vector<std::pair<double, std::string>> list(rhapsode_solution_events(get()));
        for (std::size_t k = 0; k < list.size(); ++k) {
            const char *name = nullptr;
            rhapsode_solution_event(get(), k, &list[k].first, &name);
            list[k].second = detail::text(name);
        }
        return list;
    }
    std::string method() const { return detail::text(rhapsode_solution_method(get())); }
    const rhapsode_solution *get() const { return handle.get(); }
    // The number of states.
    std::size_t states = 0;

private:
    std::unique_ptr<rhapsode_solution, detail::Deleter<rhapsode_solution, rhapsode_solution_free>> handle;
};

// A run that did not reach its end; the solution so far is `partial`.
class RunError : public Error {
public:
    RunError(rhapsode_status status, const char *message, std::shared_ptr<Solution> partial)
        : Error(status, message), partial(std::move(partial)) {}
    const std::shared_ptr<Solution> partial;
};

// A run to be. Setters return it, to be strung together.
class Problem {
public:
    explicit Problem(const Model &model) : states(model.states()) {
        rhapsode_problem *made = nullptr;
        rhapsode_status status = rhapsode_problem_new(model.get(), &made);
        handle.reset(made);
        if (status != RHAPSODE_OK) throw Error(status, rhapsode_last_error());
    }
    Problem &set(const std::string &name, double value) {
        return check(rhapsode_problem_set(handle.get(), name.c_str(), value));
    }
    Problem &set(const std::string &name, const std::vector<double> &values) {
        return check(rhapsode_problem_set_array(handle.get(), name.c_str(), values.data(), values.size()));
    }
    Problem &initial(const std::vector<double> &y) {
        return check(rhapsode_problem_initial(handle.get(), y.data(), y.size()));
    }
    Problem &span(double t0, double t1) { return check(rhapsode_problem_span(handle.get(), t0, t1)); }
    Problem &tolerances(double rtol, double atol) { return check(rhapsode_problem_tolerances(handle.get(), rtol, atol)); }
    Problem &atol(const std::vector<double> &atol) {
        return check(rhapsode_problem_atol(handle.get(), atol.data(), atol.size()));
    }
    Problem &method(const std::string &name) { return check(rhapsode_problem_method(handle.get(), name.c_str())); }
    Problem &save_at(const std::vector<double> &times) {
        return check(rhapsode_problem_save_at(handle.get(), times.data(), times.size()));
    }
    Problem &save_count(std::uint64_t count) { return check(rhapsode_problem_save_count(handle.get(), count)); }
    Problem &steps(double first, double most) { return check(rhapsode_problem_steps(handle.get(), first, most)); }
    Problem &limits(std::uint64_t steps, double seconds) {
        return check(rhapsode_problem_limits(handle.get(), steps, seconds));
    }
    Problem &dense() { return check(rhapsode_problem_dense(handle.get())); }
    // From another thread: ends the run in progress.
    void cancel() const { rhapsode_problem_cancel(handle.get()); }
    Solution solve() {
        rhapsode_solution *made = nullptr;
        detail::thrown() = nullptr;
        rhapsode_status status = rhapsode_problem_solve(handle.get(), &made);
        Solution solution(made);
        solution.states = states;
        if (std::exception_ptr exception = std::exchange(detail::thrown(), nullptr)) std::rethrow_exception(exception);
        if (status == RHAPSODE_OK) return solution;
        std::shared_ptr<Solution> partial = made ? std::make_shared<Solution>(std::move(solution)) : nullptr;
        throw RunError(status, rhapsode_problem_message(handle.get()), std::move(partial));
    }

private:
    Problem &check(rhapsode_status status) {
        if (status != RHAPSODE_OK) throw Error(status, rhapsode_last_error());
        return *this;
    }
    std::size_t states;
    std::unique_ptr<rhapsode_problem, detail::Deleter<rhapsode_problem, rhapsode_problem_free>> handle;
};

} // namespace rhapsode

#endif
