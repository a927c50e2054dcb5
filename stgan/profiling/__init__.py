"""Profiling: what a module costs in parameters, multiply-adds, memory and time."""

from stgan.profiling._calls import shapes_of
from stgan.profiling.counts import activation_bytes, multiply_adds
from stgan.profiling.family import Family, factorization_family
from stgan.profiling.measure import Profile, Seconds, compare, profile

__all__ = [
    "Family",
    "Profile",
    "Seconds",
    "activation_bytes",
    "compare",
    "factorization_family",
    "multiply_adds",
    "profile",
    "shapes_of",
]
