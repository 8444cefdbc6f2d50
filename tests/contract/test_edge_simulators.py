"""The simulated peers themselves, over their real protocols."""

import asyncio

import aiomqtt
import pytest
from pymodbus.client import AsyncModbusTcpClient
from pymodbus.pdu import ExceptionResponse

from sunwell.simulate.devices.registers import CalexThermometer, RoomSensor
from sunwell.simulate.modbus_host import ModbusHost
from sunwell.simulate.publisher import Publisher
from sunwell.simulate.street import Street
from tests.contract.edge_inbox import PATIENCE_S, running
from tests.parts.mosquitto import Mosquitto


async def test_a_host_serves_its_units_live() -> None:
    calex, room = CalexThermometer(26.0), RoomSensor(21.5, 40.0)
    async with ModbusHost([calex.unit(1), room.unit(2)]) as host:
        client = AsyncModbusTcpClient(host.host, port=host.port, retries=0, reconnect_delay=0)
        assert await client.connect()
        try:
            both = [await client.read_holding_registers(0x12, count=4, device_id=1),
                    await client.read_input_registers(0x12, count=4, device_id=1)]  # fmt: skip
            assert [answer.registers for answer in both] == [[260, 260, 284, 0]] * 2
            calex.celsius = 38.6
            assert (await client.read_holding_registers(0x12, count=1, device_id=1)).registers == [386]
            assert (await client.read_input_registers(1, count=2, device_id=2)).registers == [215, 400]
            for answer, code in (
                (await client.read_holding_registers(1, count=2, device_id=2), 1),  # function 4 only
                (await client.read_holding_registers(0x09, count=1, device_id=1), 2),  # a hole in the map
                (await client.write_register(0x12, 5, device_id=1), 1),
            ):
                assert isinstance(answer, ExceptionResponse)
                assert answer.exception_code == code
            assert host.requests[0] == (1, 3, 0x12, 4)
        finally:
            client.close()


async def test_what_was_not_acknowledged_is_published_again(mosquitto: Mosquitto) -> None:
    publisher = Publisher(
        mosquitto.host, mosquitto.port, username="devices", password=mosquitto.passwords["devices"]
    )
    async with running(publisher.run):
        await asyncio.wait_for(publisher.say_and_wait("devices/sim/x", b"1"), PATIENCE_S)
        await asyncio.to_thread(mosquitto.stop)
        await publisher.say("devices/sim/x", b"2")
        await asyncio.to_thread(mosquitto.start)
        async with aiomqtt.Client(
            mosquitto.host, mosquitto.port, username="edge", password=mosquitto.passwords["edge"]
        ) as client:
            await client.subscribe("devices/sim/x", qos=1)
            await publisher.say("devices/sim/x", b"3")
            async with asyncio.timeout(PATIENCE_S):
                async for message in client.messages:
                    if message.payload == b"3":
                        break


async def test_a_street_without_a_broker_waits_and_ends_promptly(free_port: int) -> None:
    async with asyncio.timeout(PATIENCE_S):
        async with Street("127.0.0.1", free_port, homes=2, wells=1, kiosks=1) as street:
            assert {row.address["port"] for row in street.registry().devices if row.driver == "modbus"}
            await asyncio.sleep(0)


async def test_what_breaks_inside_a_street_comes_out_and_everything_is_closed(free_port: int) -> None:
    with pytest.raises(RuntimeError, match="by the test"):
        async with Street("127.0.0.1", free_port, homes=2, wells=1, kiosks=1):
            raise RuntimeError("by the test")
