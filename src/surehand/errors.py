"""Errors a user can act on: each message says what happened, where, and what to do; each class fixes the exit code."""


class SurehandError(Exception):
    """Something the user can mend; the command line prints the message without a traceback."""

    exit_code = 1


class UsageError(SurehandError, ValueError):
    """An argument outside what the function or command accepts."""

    exit_code = 2


class ConfigurationError(SurehandError):
    """A configuration or model file that cannot be used."""

    exit_code = 3


class DataError(SurehandError):
    """Images, folders or classes that cannot be used."""

    exit_code = 4


class MissingPartError(SurehandError):
    """An optional package, voice or device is not there."""

    exit_code = 6
