"""Right-hand sides as people write them, for the tracing tests: each with a start, a span and further arguments."""

import functools
import math
from math import cos as mcos, exp as mexp

import numpy as np
from numpy import array, cos, sin, zeros

G = 9.81
RATES = {"k1": 0.04, "k2": 3e7, "k3": 1e4}
COUPLING = np.array([[-2.0, 1.0, 0.0], [1.0, -2.0, 1.0], [0.0, 1.0, -2.0]])
STOICHIOMETRY = np.array([[-1, 0, 0], [1, -1, -1], [0, 1, 0], [0, 0, 1]])
ALL = []


def case(y0, span, args=(), traced=True, vectorized=False):
    def register(fun):
        ALL.append((fun, y0, span, args, traced, vectorized))
        return fun

    return register


@case([1.0, 1.0, 1.0], (0, 5), (10.0, 28.0, 8 / 3))
def lorenz(t, y, sigma, rho, beta):
    x, y, z = y
    return [sigma * (y - x), x * (rho - z) - y, x * y - beta * z]


@case([10.0, 5.0], (0, 15), (1.5, 1, 3, 1))
def lotka_volterra(t, z, a, b, c, d):
    x, y = z
    return [a * x - b * x * y, -c * y + d * x * y]


@case([1.0, 0.0, 0.0], (0, 40))
def robertson_from_a_dict(t, y):
    r1 = RATES["k1"] * y[0]
    r2 = RATES["k2"] * y[1] ** 2
    r3 = RATES["k3"] * y[1] * y[2]
    dydt = np.zeros(3)
    dydt[0] = -r1 + r3
    dydt[1] = r1 - r2 - r3
    dydt[2] = r2
    return dydt


@case([2.0, 0.0], (0, 20), (5.0,))
def van_der_pol(t, y, mu=1.0):
    return np.array([y[1], mu * (1 - y[0] ** 2) * y[1] - y[0]])


@case([np.pi - 0.1, 0.0], (0, 10), (0.25, 5.0))
def damped_pendulum(t, y, b, c):
    theta, omega = y
    dydt = [omega, -b * omega - c * np.sin(theta)]
    return dydt


@case([0.99, 0.01, 0.0], (0, 60), (0.3, 0.1))
def sir(t, y, beta, gamma):
    S, I, R = y
    N = sum(y)
    new = beta * S * I / N
    return new * -1, new - gamma * I, gamma * I


@case(np.linspace(0, 1, 20) ** 2, (0, 0.05), (20,))
def heat_by_slices(t, u, n):
    dx = 1.0 / (n - 1)
    dudt = np.zeros_like(u)
    dudt[1:-1] = (u[2:] - 2 * u[1:-1] + u[:-2]) / dx**2
    dudt[0] = 0
    dudt[-1] = 0
    return dudt


@case([1.0, 0.5, 0.25], (0, 3))
def linear_by_matrix(t, y):
    return COUPLING @ y


@case([1.0, 0.5, 0.25], (0, 3), (COUPLING,))
def linear_by_dot(t, y, A):
    return np.dot(A, y) + np.array([0.0, np.cos(t), 0.0])


@case([1.0, 0.2, 0.0, 0.0], (0, 10), (np.array([0.5, 0.3, 0.1]),))
def reactions_by_stoichiometry(t, c, k):
    rates = np.array([k[0] * c[0], k[1] * c[1], k[2] * c[1] ** 2])
    return STOICHIOMETRY.dot(rates)


@case([0.0, 0.0], (0, 10), (1.0, 0.2))
def forced_by_where(t, y, m, c):
    force = np.where(t < 5, 1.0, 0.0)
    return np.array([y[1], (force - c * y[1] - y[0]) / m])


@case([0.5], (0, 20))
def scalar_logistic(t, y):
    return 0.8 * y * (1 - y / 10)


@case([1.0, 0.0], (0, 6))
def from_math(t, y):
    return [-mexp(-t) * y[0] + math.sqrt(2) * y[1], math.sin(t) - y[1] * mcos(t) + math.pow(0.5, 2)]


@case([1.0, 0.5], (0, 6))
def from_numpy_names(t, y):
    dy = zeros(2)
    dy[0] = sin(t) * y[1]
    dy[1] = cos(t) - y[0] + array([1.0, 2.0])[1]
    return dy


@case([1.0, 2.0, 3.0, 4.0], (0, 2))
def loop_over_a_ring(t, x):
    n = len(x)
    d = np.empty(n)
    for i in range(n):
        d[i] = (x[(i + 1) % n] - x[i - 2]) * x[i - 1] - x[i] + 8.0
    return d


@case(np.linspace(-1, 1, 8), (0, 3), (1.3,))
def kuramoto(t, theta, K):
    omega = np.linspace(0.5, 1.5, len(theta))
    differences = theta[None, :] - theta[:, None]
    return omega + K / len(theta) * np.sum(np.sin(differences), axis=1)


@case([1.0, 0.0, 0.0, 0.9], (0, 6))
def two_bodies(t, s):
    r = s[:2]
    v = s[2:]
    return np.concatenate((v, -r / np.linalg.norm(r) ** 3))


@case([0.3, -0.1, 0.8, -0.4, 0.2, 0.1, -0.2, 0.1, 0.1, 0.3, -0.1, -0.4], (0, 1), (np.array([1.0, 0.7, 1.3]),))
def three_bodies(t, s, m):
    q, p = s.reshape(2, 3, 2)
    a = np.zeros((3, 2))
    for i in range(3):
        for j in range(3):
            if i != j:
                d = q[j] - q[i]
                a[i] += m[j] * d / (d @ d + 0.1) ** 1.5
    return np.hstack([p.ravel(), a.ravel()])


@case([1.2, 0.3], (0, 10))
def nested_functions(t, y):
    def hill(x, k=0.5, n=4):
        return x**n / (k**n + x**n)

    inhibit = lambda x: 1 - hill(x)  # noqa: E731
    return [2 * inhibit(y[1]) - y[0], hill(y[0]) - 0.5 * y[1]]


def _monod(s, mu, K):
    return mu * s / (K + s)


@case([0.1, 10.0], (0, 12), (0.6, 0.5))
def helper_outside(t, y, mu, K):
    X, S = y
    growth = _monod(S, mu, K) * X
    return growth, -growth / 0.4


class Tank:
    def __init__(self, area):
        self.area = area

    def rhs(self, t, y):
        outflow = 0.1 * np.sqrt(2 * G * np.maximum(y, 0.0))
        inflow = np.array([0.3, outflow[0]])
        return (inflow - outflow) / self.area

    def __call__(self, t, y):
        return -y / self.area


case([1.0, 0.5], (0, 10))(Tank(2.0).rhs)
case([1.0, 0.5], (0, 10))(Tank(3.0))


def _with_three(t, y, k, n):
    return -k * y**n


case([1.0, 2.0], (0, 2))(functools.partial(_with_three, k=0.3, n=2))
case([1.0, 2.0, 3.0], (0, 2))(lambda t, y: -y + np.roll(y, 1) * 0.1 - 0.01 * y.sum())


def _closure(k, table):
    def rhs(t, y):
        return k * np.interp(t, table[:, 0], table[:, 1]) - y

    return rhs


case([0.0], (0, 5))(_closure(2.0, np.array([[0.0, 0.0], [1.0, 2.0], [3.0, 0.5], [6.0, 1.0]])))


@case([5.0, 0.0], (0, 10))
def saturation(t, y):
    u = np.clip(-3.0 * y[0] - y[1], -1.0, 1.0)
    return [y[1], u - 0.1 * np.sign(y[1]) * np.abs(y[1])]


@case([20.0], (0, 24))
def thermostat_of_time(t, y):
    outside = 10 + 5 * np.sin(2 * np.pi * (t % 24) / 24)
    heating = 3.0 * np.logical_and(t > 6, t < 22)
    return [(outside - y[0]) / 5 + heating]


@case([1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0057], (0, 50))
def hires(t, y):
    f = np.zeros(8)
    f[0] = -1.71 * y[0] + 0.43 * y[1] + 8.32 * y[2] + 0.0007
    f[1] = 1.71 * y[0] - 8.75 * y[1]
    f[2] = -10.03 * y[2] + 0.43 * y[3] + 0.035 * y[4]
    f[3] = 8.32 * y[1] + 1.71 * y[2] - 1.12 * y[3]
    f[4] = -1.745 * y[4] + 0.43 * y[5] + 0.43 * y[6]
    f[5] = -280.0 * y[5] * y[7] + 0.69 * y[3] + 1.71 * y[4] - 0.43 * y[5] + 0.69 * y[6]
    f[6] = 280.0 * y[5] * y[7] - 1.81 * y[6]
    f[7] = -f[6]
    return f


@case(np.random.default_rng(1).uniform(0.5, 1.5, 32), (0, 0.2))
def brusselator_in_a_plane(t, y):
    u, v = y.reshape((2, 4, 4))
    lap = lambda w: (  # noqa: E731
        np.roll(w, 1, axis=0) + np.roll(w, -1, axis=0) + np.roll(w, 1, axis=1) + np.roll(w, -1, axis=1) - 4 * w
    )
    du = 1 + u**2 * v - 4.4 * u + 0.1 * lap(u)
    dv = 3.4 * u - u**2 * v + 0.1 * lap(v)
    return np.stack([du, dv]).flatten()


@case(np.full(5, 0.3), (0, 4))
def in_place(t, y):
    dy = -y.copy()
    dy += 0.5
    dy *= 2.0
    dy[1:] += y[:-1] * np.exp(-t)
    dy[[0, 2]] -= 0.1
    return dy


@case([0.1, 0.2, 0.3], (0, 3), (3,))
def accumulates(t, y, n):
    total = 0
    products = []
    for k in range(n):
        total += y[k] * (k + 1)
        products.append(y[k] * total)
    return np.array(products) * -1.0


@case([0.2, 0.4, 0.6], (0, 3))
def einsum_and_outer(t, y):
    W = np.outer([1.0, 0.5, 0.2], [0.3, 0.2, 0.1])
    return -y + np.tanh(np.einsum("ij,j->i", W, y)) + np.mean(y) * 0.1


@case([1.0, 0.0, 0.5, 0.1], (0, 4))
def double_pendulum(t, y):
    th1, w1, th2, w2 = y
    d = th2 - th1
    M = np.array([[2.0, np.cos(d)], [np.cos(d), 1.0]])
    b = np.array([w2**2 * np.sin(d) - 2 * G * np.sin(th1), -(w1**2) * np.sin(d) - G * np.sin(th2)])
    a1, a2 = np.linalg.solve(M, b)
    return w1, a1, w2, a2


@case([0.0, 1.0], (0, 3), vectorized=True)
def vectorised(t, y):
    return np.vstack((y[1], -y[0] + 0.1 * y[1] * (1 - y[0] ** 2)))


@case([1.0, 0.5], (0, 3), ({"k": 0.5, "powers": [1, 2]},))
def arguments_in_a_dict(t, y, p):
    return -p["k"] * np.array([y[0] ** p["powers"][0], y[1] ** p["powers"][1]])


@case([3.0, 4.0], (0, 2))
def largest_and_smallest(t, y):
    return [-max(y[0], 0.0), -min(y[1], 2.0) + np.max(y) * 0.01 - abs(y[0])]


@case([1.0], (1, 10))
def powers_of_time(t, y):
    return y * (2.0 / t - 1.0) ** 3 / (1 + t**2) + np.log1p(t) - np.sqrt(t) * y**0.5


@case([0.5, 0.5], (0, 5))
def sums_of_generators(t, y):
    terms = [y[k] * sin((k + 1) * t) for k in range(2)]
    return [sum(term for term in terms) - y[0], np.prod([y[0], y[1]]) - y[1]]


@case([0.3] * 6, (0, 2))
def cumulated(t, y):
    return -np.cumsum(y) / 6 + np.diff(y, append=y[-1]) + np.flip(y) * 0.1 - np.dot(y, y) * 0.01


@case([1.0, 2.0], (0, 2), traced=False)
def branches_on_values(t, y):
    if y[0] > 0.5:
        return [-y[0], -y[1]]
    return [-0.5, -y[1]]


@case([1.0], (0, 2), traced=False)
def searches(t, y):
    x = y[0]
    while x > 0.1:
        x = x / 2
    return [-x]
