"""The running systems of the end-to-end tests."""

from tests.e2e.brokers import device_broker, mosquitto
from tests.e2e.conftest import embedded_system, real_system, system

__all__ = ["device_broker", "embedded_system", "mosquitto", "real_system", "system"]
