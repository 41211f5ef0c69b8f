#!/usr/bin/env python3
"""Computes the polynomials of src/math: best approximations by the Remez exchange, in 60 digits.

    python3 src/math/minimax.py          # needs mpmath; prints every table of src/math/polynomials.rs

Each fit minimises the greatest weighted error over an interval; the weight turns an error of the polynomial into a
relative error of the function. What is printed after each table is that error as a power of two.
"""

import struct

from mpmath import cos, log, lu_solve, matrix, mp, mpf, pi, sin, sqrt, tanh

mp.dps = 60


def remez(f, weight, lo, hi, terms, rounds=12, grid=1500):
    """Coefficients c with max |weight(x) (f(x) - sum c_k x^k)| least over lo <= x <= hi, and that maximum."""
    lo, hi = mpf(lo), mpf(hi)
    points = [(lo + hi) / 2 - (hi - lo) / 2 * cos(pi * k / terms) for k in range(terms + 1)]
    nodes = [(lo + hi) / 2 - (hi - lo) / 2 * cos(pi * (k + mpf(1) / 2) / grid) for k in range(grid)]
    known = [(x, f(x), weight(x)) for x in nodes]
    for _ in range(rounds):
        a, b = matrix(terms + 1, terms + 1), matrix(terms + 1, 1)
        for row, x in enumerate(points):
            for k in range(terms):
                a[row, k] = x**k
            a[row, terms] = (-1) ** row / weight(x)
            b[row] = f(x)
        solution = lu_solve(a, b)
        c = [solution[k] for k in range(terms)]
        level = abs(solution[terms])

        def error(value, x):
            p = mpf(0)
            for k in reversed(range(terms)):
                p = p * x + c[k]
            return value - p

        errors = [(w * error(v, x), x) for x, v, w in known]
        extrema = []
        for e, x in errors:
            if extrema and (e > 0) == (extrema[-1][0] > 0):
                if abs(e) > abs(extrema[-1][0]):
                    extrema[-1] = (e, x)
            else:
                extrema.append((e, x))
        while len(extrema) > terms + 1:
            extrema.pop(0 if abs(extrema[0][0]) < abs(extrema[-1][0]) else -1)
        if len(extrema) < terms + 1:
            break
        points = [x for _, x in extrema]
        worst = max(abs(e) for e, _ in extrema)
        if worst < level * mpf("1.001"):
            break
    return c, max(abs(e) for e, _ in errors)


def table(name, doc, c, error):
    print(f"/// {doc} (error 2^{float(log(error, 2)):.1f}).")
    print(f"pub const {name}: [f64; {len(c)}] = [")
    for k in c:
        print(f"    {float(k)!r},")
    print("];\n")


def fit(name, doc, f, weight, lo, hi, terms, first=None):
    c, error = remez(f, weight, lo, hi, terms)
    table(name, doc, ([first] if first else []) + c, error)


def atanh_tail(z):
    """(atanh(s)/s - 1) / z with z = s^2, as a series near 0."""
    return sum(z**k / (2 * k + 3) for k in range(60))


def series(coefficient, z, count=40):
    return sum(coefficient(k) * z**k for k in range(count))


def sin_tail(z):
    return series(lambda k: mpf(-1) ** (k + 1) / mp.factorial(2 * k + 3), z, 30)


def cos_tail(z):
    return series(lambda k: mpf(-1) ** k / mp.factorial(2 * k + 4), z, 30)


def exp_tail(r):
    return series(lambda k: 1 / mp.factorial(k + 3), r, 40)


def split(value, bits):
    """A number rounded to so many bits, and the rest."""
    e = mp.floor(log(abs(value), 2)) + 1
    head = mp.nint(value * mpf(2) ** (bits - e)) / mpf(2) ** (bits - e)
    return head, value - head


def parts(name, doc, value, widths):
    rest = value
    words = []
    for bits in widths:
        head, rest = split(rest, bits)
        words.append(float(head))
    print(f"/// {doc}")
    print(f"pub const {name}: [f64; {len(words)}] = {words!r};\n")


def pow_table():
    """Rows for pow: c near the reciprocal of the middle of an interval in 9 bits, -log c in two parts."""
    offset = 0x3FE6B00000000000
    print("/// Where the intervals of `LOGS` begin: one of them has 1 in its middle.")
    print(f"pub const LOGS_OFFSET: u64 = {offset:#x};\n")
    rows, worst = [], mpf(0)
    for i in range(128):
        lo, hi = (mpf(struct.unpack("<d", struct.pack("<Q", offset + (i + k << 45)))[0]) for k in (0, 1))
        c = mp.nint(2 / (lo + hi) * 512) / 512 if not lo < 1 < hi else mpf(1)
        reach = max(abs(lo * c - 1), abs(hi * c - 1))
        worst = max(worst, reach)
        head = mp.nint(-log(c) * mpf(2) ** 42) / mpf(2) ** 42
        assert c == 1 or abs(head) > reach, (i, head, reach)
        rows.append((float(c), float(head), float(-log(c) - head)))
    print("/// c near 1/z in 9 bits for the interval of z, and −log c: a multiple of 2⁻⁴² and the rest.")
    print(f"/// |z·c − 1| ≤ {float(worst):.6f}.")
    print("pub const LOGS: [[f64; 3]; 128] = [")
    for row in rows:
        print(f"    {list(row)!r},")
    print("];\n")
    fit("LOG_TAIL", "(log(1 + r) − r + r²/2)/r³ over that range, ascending in r",
        lambda r: series(lambda k: mpf(-1) ** k / (k + 3), r, 40), lambda r: worst**2, -worst, worst, 7)


def two_over_pi(words):
    with mp.workdps(20 * words + 20):
        scaled = int(mp.floor(2 / +pi * mpf(2) ** (64 * words)))
    print("/// 2/π after the point, 64 bits a word.")
    print(f"pub const TWO_OVER_PI: [u64; {words}] = [")
    for k in range(words):
        print(f"    {scaled >> 64 * (words - 1 - k) & (1 << 64) - 1:#018x},")
    print("];\n")


def main():
    print("//! Coefficients, made by `minimax.py` beside this file; a test of that script's claims is `tests/maths.rs`.")
    print("#![allow(clippy::approx_constant, clippy::unreadable_literal)]\n")
    ln2 = log(mpf(2))
    parts("LN2", "log 2, the first part in 42 bits: its product with an exponent is exact.", ln2, [42, 53])
    parts("HALF_PI", "π/2, the first two parts in 38 bits.", pi / 2, [38, 38, 53])
    parts("HALF_PI_DOUBLE", "π/2 as the sum of two numbers.", pi / 2, [53, 53])
    parts("LOG2_E", "1/log 2 as the sum of two numbers.", 1 / ln2, [53, 53])
    parts("LOG10_E", "1/log 10 as the sum of two numbers.", 1 / log(mpf(10)), [53, 53])
    half = ln2 / 2 * mpf("1.001")
    fit("EXP", "(eʳ − 1 − r)/r² over |r| ≤ log(2)/2, ascending in r",
        exp_tail, lambda r: half**3, -half, half, 10, first=mpf("0.5"))
    least, quarter = mpf(2) ** -40, (pi / 4 * mpf("1.001")) ** 2
    fit("SIN", "(sin r − r)/r³ over |r| ≤ π/4, ascending in r²",
        sin_tail, lambda z: z / (sin(sqrt(z)) / sqrt(z)), least, quarter, 6)
    fit("COS", "(cos r − 1 + r²/2)/r⁴ over |r| ≤ π/4, ascending in r²",
        cos_tail, lambda z: z * z / cos(sqrt(z)), least, quarter, 6)
    s = (sqrt(mpf(2)) - 1) / (sqrt(mpf(2)) + 1) * mpf("1.001")
    fit("LOG", "(2·atanh s − 2s)/s³ over |s| ≤ (√2 − 1)/(√2 + 1), ascending in s²",
        lambda z: 2 * atanh_tail(z), lambda z: z / 2, least, s * s, 7)
    fit("TANH", "(tanh x − x)/x³ over |x| ≤ 0.55, ascending in x²",
        lambda z: (tanh(sqrt(z)) / sqrt(z) - 1) / z, lambda z: z / (tanh(sqrt(z)) / sqrt(z)),
        mpf(2) ** -30, mpf("0.55") ** 2, 11)
    pow_table()
    two_over_pi(20)


if __name__ == "__main__":
    main()
