"""The running systems of the end-to-end tests."""

from tests.e2e.conftest import embedded_system, real_system, system

__all__ = ["embedded_system", "real_system", "system"]
