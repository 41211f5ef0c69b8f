// A pendulum from C++: exceptions instead of statuses, nothing to free.
#include <cmath>
#include <cstdio>

#include "rhapsode.hpp"

int main() try {
    rhapsode::Model model("model pendulum\n"
                          "param g = 9.81, L = 1\n"
                          "init theta = 0.1, theta' = 0\n"
                          "theta'' = -g/L*sin(theta)\n"
                          "discrete hangs = 0\n"
                          "when theta < 0 { hangs := hangs + 1 }\n");
    for (double length : {1.0, 4.0}) {
        rhapsode::Problem problem(model);
        problem.set("L", length).span(0, 2).tolerances(1e-9, 1e-12).dense();
        rhapsode::Solution solution = problem.solve();
        // A quarter of a period until it hangs.
        double quarter = solution.events().front().first;
        double wanted = M_PI_2 * std::sqrt(length / 9.81);
        std::printf("L = %g: hangs after %.6f s, %.6f for small swings; theta(1) = %.6f\n", length, quarter, wanted,
                    solution.at(1.0)[0]);
        if (std::fabs(quarter / wanted - 1) > 1e-3 || solution["theta"].size() != solution.times().size()) return 1;
    }
    try {
        rhapsode::Problem(model).set("length", 2);
        return 1;
    } catch (const rhapsode::Error &error) {
        std::printf("as it should be: %s\n", error.what());
    }
    return 0;
} catch (const rhapsode::Error &error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
}
