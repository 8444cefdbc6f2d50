"""The driver for sensors that speak over an MQTT broker: plainly, through Zigbee2MQTT or a LoRaWAN server."""

from edge.drivers.mqtt.broker import Broker, BrokerError
from edge.drivers.mqtt.driver import MqttDriver, MqttSettings

__all__ = ["Broker", "BrokerError", "MqttDriver", "MqttSettings"]
