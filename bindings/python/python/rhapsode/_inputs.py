"""Arguments that must be numbers, or an exception that says which one is not."""

import numpy as np

from ._errors import InputError


def numbers(what, value, or_complex=False):
    """An array of numbers; of complex ones only where they may be."""
    try:
        array = np.asarray(value)
        kind = array.dtype.kind
        wanted = complex if or_complex and kind not in "biuf" else float
        # NumPy would count days, and drop imaginary parts.
        if kind not in "mM" and (kind != "c" or wanted is complex):
            return array.astype(wanted)
    except (TypeError, ValueError, OverflowError):
        pass
    raise InputError(f"{what} must be numbers, found {value!r}")


def number(what, value):
    array = numbers(what, value)
    if array.size != 1:
        raise InputError(f"{what} must be one number, found {value!r}")
    return float(array.reshape(-1)[0])
