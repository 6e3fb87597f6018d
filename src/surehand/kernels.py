"""Compiling with numba: what is kept for the next process, where there is a place for it."""

from collections.abc import Callable
from typing import Any

from numba import njit


def kernel(**options: Any) -> Callable[[Callable[..., Any]], Any]:
    """A decorator: compiled at the first call, without the interpreter lock, and kept beside the source.

    Where nothing can be written, neither beside the source nor in the user's cache folder, each process compiles anew.

    Args:
        options: of `numba.njit`.
    """

    options |= {"nogil": True, "no_cfunc_wrapper": True}  # nobody calls them from C, and each wrapper is compiled, too

    def compiled(function: Callable[..., Any]) -> Any:
        try:
            return njit(cache=True, **options)(function)
        except RuntimeError:  # numba's word for: no place to keep it
            return njit(**options)(function)

    return compiled
