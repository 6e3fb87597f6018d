"""The type checker that jaxtyping's import hook calls while testing."""

from beartype import BeartypeConf, beartype

# As in static typing (PEP 484), an int is accepted where a float is asked for.
check = beartype(conf=BeartypeConf(is_pep484_tower=True))
