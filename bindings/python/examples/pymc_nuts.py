"""The posterior of a decay's rate and start in PyMC, by NUTS with exact gradients of the run.

`python pymc_nuts.py` prints the means; what was measured was made with rate 0.7 and start 2.
"""

import numpy as np
import rhapsode
import rhapsode.pytensor

MODEL = rhapsode.compile("model decay\nparam k = 1\ninit x = 1\nx' = -k*x\n")
TIMES = np.linspace(0.5, 4.0, 8)
SIGMA = 0.05
MEASURED = 2.0 * np.exp(-0.7 * TIMES) + SIGMA * np.random.default_rng(1).normal(size=len(TIMES))


def with_pymc(samples=300):
    import pymc
    import pytensor.tensor as pt

    curves = rhapsode.pytensor.curves(MODEL, TIMES, ["k", "x"], rtol=1e-8, atol=1e-10)
    with pymc.Model():
        k = pymc.LogNormal("k", 0.0, 1.0)
        x = pymc.LogNormal("x", 0.0, 1.0)
        pymc.Normal("seen", curves(pt.stack([k, x]))[:, 0], SIGMA, observed=MEASURED)
        trace = pymc.sample(samples, tune=samples, chains=1, cores=1, progressbar=False, random_seed=1)
    return {name: trace.posterior[name].values.ravel() for name in ("k", "x")}


if __name__ == "__main__":
    print({name: f"{values.mean():.3f} ± {values.std():.3f}" for name, values in with_pymc().items()})
