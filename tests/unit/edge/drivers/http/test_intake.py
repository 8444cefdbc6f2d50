"""Any request whatsoever gets an answer: the app without a socket."""

import asyncio
from pathlib import Path
from urllib.parse import quote

import httpx
from hypothesis import HealthCheck, given
from hypothesis import settings as tries
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.routing import Route

from edge.driver import TroubleReport
from edge.drivers.http.delivery import Delivery
from edge.drivers.http.driver import METHODS
from edge.drivers.http.intake import Intake
from edge.drivers.http.seen import Seen
from edge.drivers.http.sources import Directory, parse_member
from edge.readings import Reading
from tests.contract.edge_http import MAC, NOW_MS, SECRET, TOKEN, event, kiosk, settings
from tests.contract.edge_inbox import device

SEEN = Seen()
PATHS = st.sampled_from(
    [
        f"/in/kiosks/{TOKEN}",
        "/in/kiosks",
        "/in/header",
        "/in/header/x",
        f"/in/path/{SECRET}",
        "/in/onenet",
        "/in/x",
    ]
) | st.text(max_size=12).map(lambda text: f"/in/{text}")
HEADERS = st.fixed_dictionaries(
    {},
    optional={
        "content-type": st.sampled_from(
            [
                "application/json",
                "text/xml",
                "multipart/form-data; boundary=B",
                "text/plain",
                "image/png",
                ";;",
            ]
        ),
        "x-token": st.just(SECRET),
        "authorization": st.text(st.characters(codec="ascii", exclude_categories=["C"]), max_size=20),
    },
)
BODIES = st.binary(max_size=200) | st.sampled_from(
    [str(event()).encode(), b'{"device": "8600", "sos": 1}', b'[{"device": "8600"}, 3]', b"<a><b>1</b></a>"]
)


@tries(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    method=st.sampled_from(["GET", "POST", "PUT", "DELETE"]),
    path=PATHS,
    headers=HEADERS,
    body=BODIES,
)
def test_any_request_is_answered_and_nothing_breaks(
    tmp_path: Path, method: str, path: str, headers: dict[str, str], body: bytes
) -> None:
    readings: list[Reading] = []
    troubles: list[TroubleReport] = []
    config = settings(tmp_path)
    devices = [kiosk(), device("webhook-sos", "button", source="header", identity="8600")]
    directory = Directory(parse_member(one, config.sources) for one in devices)

    async def emit(reading: Reading) -> None:
        readings.append(reading)

    intake = Intake(
        config,
        delivery=Delivery(emit, troubles.append, lambda: NOW_MS, SEEN),
        directory=lambda: directory,
        secret_of=lambda name: SECRET,
        clock=lambda: NOW_MS,
    )
    app = Starlette(
        routes=[
            Route("/in/{source}", intake.answer, methods=METHODS),
            Route("/in/{source}/{rest:path}", intake.answer, methods=METHODS),
        ]
    )

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app, raise_app_exceptions=True)
        async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
            return await client.request(method, quote(path), content=body, headers=headers)

    answer = asyncio.run(ask())
    assert answer.status_code in {200, 400, 401, 404, 405, 415}
    assert not [report for report in troubles if report.reason == "not_kept"]
    said = repr(troubles)
    assert TOKEN not in said
    assert SECRET not in said
    assert MAC not in said
