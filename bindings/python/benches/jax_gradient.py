"""The gradient of a fit with ten parameters under `jax.jit`, beside Diffrax: `python bindings/python/benches/jax_gradient.py`.

Five species in a chain with saturation, ten rates, 40 measured points: both gradients at the same tolerances, their difference, and
the median time of a call after the first.
"""

import statistics
import time

import diffrax
import jax
import jax.numpy as jnp
import numpy as np

import rhapsode
import rhapsode.jax

jax.config.update("jax_enable_x64", True)

N = 5
NAMES = [f"v{k}" for k in range(1, N + 1)] + [f"m{k}" for k in range(1, N + 1)]
POINT = np.array([1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.6, 0.7, 0.8, 0.9])
TIMES = np.linspace(0.25, 10.0, 40)
MODEL = "\n".join(
    ["model chain", "param " + ", ".join(f"{name} = 1" for name in NAMES)]
    + ["init " + ", ".join(f"x{k} = {1 if k == 1 else 0}" for k in range(1, N + 1))]
    + [f"r{k} = v{k}*x{k}/(m{k} + x{k})" for k in range(1, N + 1)]
    + ["x1' = 0.2 - r1"]
    + [f"x{k}' = r{k - 1} - r{k}" for k in range(2, N + 1)]
)


def chain(t, x, p):
    r = p[:N] * x / (p[N:] + x)
    return jnp.concatenate([jnp.array([0.2]), r[:-1]]) - r


def median(call):
    times = []
    for _ in range(200):
        begin = time.perf_counter()
        call().block_until_ready()
        times.append(time.perf_counter() - begin)
    return statistics.median(times)


TOLERANCES = dict(rtol=1e-8, atol=1e-10)


def gradients():
    """Two compiled functions: our gradient of the sum of squares, and Diffrax's."""
    curves = rhapsode.jax.curves(rhapsode.compile(MODEL), TIMES, NAMES, method="Tsit5", **TOLERANCES)

    def theirs(p):
        return diffrax.diffeqsolve(
            diffrax.ODETerm(chain), diffrax.Tsit5(), 0.0, TIMES[-1], 0.01, jnp.eye(N)[0], p,
            saveat=diffrax.SaveAt(ts=jnp.array(TIMES)), max_steps=4096,
            stepsize_controller=diffrax.PIDController(**TOLERANCES),
        ).ys  # fmt: skip

    data = np.asarray(curves(jnp.array(POINT) * 1.1))

    def gradient(function):
        return jax.jit(jax.grad(lambda p: jnp.sum((function(p) - data) ** 2)))

    return gradient(curves), gradient(theirs)


def difference():
    """The largest difference of the gradients, relative to the largest entry."""
    ours, theirs = (gradient(jnp.array(POINT)) for gradient in gradients())
    return float(jnp.max(jnp.abs(ours - theirs)) / jnp.max(jnp.abs(theirs)))


def main():
    print(f"largest difference of the gradients: {difference():.1e} of the largest entry")
    p = jnp.array(POINT)
    ours, theirs = gradients()
    ours(p), theirs(p)
    ours, theirs = median(lambda: ours(p)), median(lambda: theirs(p))
    print(f"Rhapsode {1e6 * ours:.0f} µs, Diffrax {1e6 * theirs:.0f} µs: {theirs / ours:.1f} times")


if __name__ == "__main__":
    main()
