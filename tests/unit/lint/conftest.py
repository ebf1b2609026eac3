"""Requests of the same small agent as in the tests of capture."""

from tests.unit.capture.conftest import make_body

__all__ = ["make_body"]
