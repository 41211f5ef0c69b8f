"""A reference for the Mackey-Glass equation, x' = beta x(t - tau)/(1 + x(t - tau)^n) - gamma x, x = 1.2 for t <= 0.

Method of steps with Taylor series: the span is cut into pieces of length h = tau/PIECES, so that the delayed argument runs
along exactly one earlier piece, whose series is known; the recurrence gives the series of the new piece to order ORDER.
Everything in 50 decimal digits. Twice as many pieces change none of the printed digits.

    python3 tests/references/mackey_glass.py
"""
import sys
from mpmath import mp, mpf, nstr

mp.dps = 50
BETA, GAMMA, N, TAU, START = mpf("0.2"), mpf("0.1"), 10, mpf(17), mpf("1.2")
ORDER = 48


def multiply(a, b):
    return [sum(a[i] * b[k - i] for i in range(k + 1)) for k in range(ORDER)]


def production(z):
    """z/(1 + z^n) as a series; z^10 = ((z^2)^2 z)^2."""
    square = multiply(z, z)
    fourth = multiply(square, square)
    fifth = multiply(fourth, z)
    below = multiply(fifth, fifth)
    below[0] += 1
    quotient = []
    for k in range(ORDER):
        rest = z[k] - sum(quotient[i] * below[k - i] for i in range(k))
        quotient.append(rest / below[0])
    return quotient


def solve(pieces, times):
    h = TAU / pieces
    past = [[START] + [mpf(0)] * ORDER for _ in range(pieces)]
    values, x, piece = {}, START, 0
    while len(values) < len(times):
        made = production(past[piece])
        series = [x]
        for k in range(ORDER):
            series.append((BETA * made[k] - GAMMA * series[k]) / (k + 1))
        past.append(series)
        x = sum(c * h**k for k, c in enumerate(series))
        piece += 1
        if piece % pieces == 0 and TAU * (piece // pieces) in times:
            values[TAU * (piece // pieces)] = x
    return values


if __name__ == "__main__":
    pieces = int(sys.argv[1]) if len(sys.argv) > 1 else 68
    for t, x in solve(pieces, [TAU * k for k in (1, 2, 3, 5, 10, 20, 30)]).items():
        print(int(t), nstr(x, 25))
