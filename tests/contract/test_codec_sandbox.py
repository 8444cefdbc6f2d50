"""The codec sandbox with its real engine and processes: scripts decode, attacks cost nobody else anything."""

import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from firmware_profiles import MessagePayload
from firmware_profiles.codecs import Sandbox, worker
from firmware_profiles.decode.codec import CodecAnswer, CodecError, CodecFault
from firmware_profiles.layouts import CodecScript

NOON_MS = 1_768_996_800_000
GOOD = CodecScript("good.js", "function decodeUplink(input) { return { data: { first: input.bytes[0] } }; }")


@pytest.fixture(scope="module")
def shared() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


def ask(sandbox: Sandbox, text: str, body: bytes = b"\x01\x02", port: int | None = 2) -> CodecAnswer:
    return sandbox.run(CodecScript("probe.js", text), MessagePayload(body, port, NOON_MS))


def uplink(body: str) -> str:
    return f"function decodeUplink(input) {{ {body} }}"


@pytest.mark.parametrize(
    "text",
    [
        "function decodeUplink(input) { return { data: { n: input.bytes.length, port: input.fPort } }; }",
        "function Decoder(bytes, port) { return { n: bytes.length, port: port }; }",
        "function Decode(fPort, bytes) { return { n: bytes.length, port: fPort }; }",
        "const decodeUplink = ({ bytes, fPort }) => ({ data: { n: bytes.length, port: fPort } });",
    ],
)
def test_each_form_of_codec_is_taken(shared: Sandbox, text: str) -> None:
    assert ask(shared, text) == CodecAnswer({"n": 2, "port": 2})


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("(undeclared = 5, undeclared + 010)", 13),  # sloppy: old codecs count on it
        ("input.recvTime instanceof Date", True),
        ("input.recvTime.getTime()", NOON_MS),
        ("Date.now()", NOON_MS),
        ("new Date().getTime()", NOON_MS),
        ("new Date(0).getHours()", 0),  # the worker's zone is UTC
        ("new Date(2020, 0, 2, 3).toISOString()", "2020-01-02T03:00:00.000Z"),
        ("(function () { class D extends Date {} return new D().getTime(); })()", NOON_MS),
        ("console.log('x') === undefined", True),
        ("typeof performance + typeof Atomics + typeof require + typeof process", "undefined" * 4),
        ("Buffer.from(input.bytes).readInt16BE(0)", 0x0102),
        ("Buffer.from(input.bytes).readUInt16LE(0)", 0x0201),
        ("Buffer.from('ffff9a99993f', 'hex').slice(2).readFloatLE(0).toFixed(1)", "1.2"),
        ("Buffer.from('/w==', 'base64').readInt8(0)", -1),
        ("Buffer.from([254, 255]).readIntBE(0, 2)", -257),
        ("Buffer.from('a°').toString('hex')", "61c2b0"),
        ("Buffer.from('61c2b0', 'hex').toString()", "a°"),
        ("Buffer.concat([Buffer.from([1]), Buffer.alloc(2)]).toString('base64')", "AQAA"),
        ("Buffer.isBuffer(Buffer.from([1]).subarray(0))", True),
    ],
)
def test_what_a_codec_finds_around_it(shared: Sandbox, expression: str, expected: object) -> None:
    assert ask(shared, uplink(f"return {{ data: {{ v: {expression} }} }};")).data == {"v": expected}


def test_the_same_payload_gives_the_same_answer(shared: Sandbox) -> None:
    text = uplink("return { data: { a: Math.random(), b: Math.random() } };")
    first, second = ask(shared, text), ask(shared, text)
    assert first == second
    assert 0 <= first.data["a"] < 1
    assert first.data["a"] != first.data["b"]


def test_warnings_and_errors_come_across(shared: Sandbox) -> None:
    text = uplink("return { data: { a: 1 }, warnings: ['w'], errors: [] };")
    assert ask(shared, text) == CodecAnswer({"a": 1}, warnings=("w",))
    assert ask(shared, uplink("return { errors: ['unknown FPort'] };")).errors == ("unknown FPort",)


ATTACKS = {
    "endless loop": ("for (;;);", CodecFault.TIME),
    "endless loop that catches": ("for (;;) { try { for (;;); } catch (e) {} }", CodecFault.TIME),
    "endless toJSON": ("return { data: { toJSON() { for (;;); } } };", CodecFault.TIME),
    "endless getter": ("return { get data() { for (;;); } };", CodecFault.TIME),
    "regex backtracking": ("/^(a+)+$/.test('a'.repeat(40) + 'b');", CodecFault.TIME),
    "array bomb": ("var a = []; for (;;) a.push(new Array(1000).fill(1));", CodecFault.MEMORY),
    "string bomb": ("var s = ['x']; for (;;) s.push(s.join('') + 'x');", CodecFault.MEMORY),
    "typed array bomb": ("new Uint8Array(1e9);", CodecFault.MEMORY),
    "recursion bomb": ("decodeUplink(input);", CodecFault.STACK),
    "deep JSON": (
        "var o = {}; for (var i = 0; i < 9000; i++) o = { o: o }; return { data: o };",
        CodecFault.STACK,
    ),
    "huge number written out": ("return { data: (2n ** 900000n).toString().length };", CodecFault.KILLED),
    "error that never ends": ("throw { toString() { for (;;); } };", CodecFault.KILLED),
    "proxy as an error": ("throw new Proxy({}, { get() { for (;;); } });", CodecFault.KILLED),
    "endless prototype": (
        "Object.prototype.toJSON = function () { for (;;); }; return { data: {} };",
        CodecFault.TIME,
    ),
    "large answer": ("return { data: 'x'.repeat(17000) };", CodecFault.OUTPUT),
    "half a letter": ("return { data: { a: '\\ud800' } };", CodecFault.OUTPUT),
    "nothing": ("return;", CodecFault.OUTPUT),
    "a number": ("return 5;", CodecFault.OUTPUT),
    "a promise": ("return Promise.resolve({ data: { a: 1 } });", CodecFault.OUTPUT),
    "data from the prototype": ("Object.prototype.data = { a: 1 }; return {};", CodecFault.OUTPUT),
    "an error": ("throw new Error('boom');", CodecFault.SCRIPT),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_costs_its_own_answer_only(shared: Sandbox, attack: str) -> None:
    body, fault = ATTACKS[attack]
    with pytest.raises(CodecError) as caught:
        ask(shared, uplink(body))
    assert caught.value.fault == fault
    assert str(caught.value).startswith("probe.js: ")
    assert shared.run(GOOD, MessagePayload(b"\x07")).data == {"first": 7}


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("for (;;);", CodecFault.TIME),
        ("throw { toString() { for (;;); } };", CodecFault.KILLED),
        ("function (", CodecFault.SCRIPT),
        ("var decodeUplink = 5;", CodecFault.SCRIPT),
        ("/" * 140_000, CodecFault.SCRIPT),
        ("\ud800", CodecFault.SCRIPT),
        ("\0", CodecFault.SCRIPT),
    ],
)
def test_a_script_that_cannot_be_loaded(shared: Sandbox, text: str, fault: CodecFault) -> None:
    with pytest.raises(CodecError) as caught:
        ask(shared, text)
    assert caught.value.fault == fault
    assert shared.run(GOOD, MessagePayload(b"\x07")).data == {"first": 7}


@pytest.mark.parametrize(
    "trick",
    [
        "JSON.stringify = JSON.parse = null;",
        "Array.prototype.push = Array.prototype.map = null; Function.prototype.call = null;",
        "Reflect.construct = null; Date = null;",
        "Object.freeze(Object.prototype);",
        "globalThis.Math = globalThis.Array = null;",
        "Object.defineProperty(Object.prototype, 'bytes', { configurable: true, get() { return [99]; } });",
    ],
)
def test_what_a_script_does_to_its_world_stays_in_it(shared: Sandbox, trick: str) -> None:
    assert ask(shared, trick + uplink(f"{trick} return {{ data: {{ n: input.bytes[0] }} }};")).data == {
        "n": 1
    }
    assert shared.run(GOOD, MessagePayload(b"\x07")).data == {"first": 7}


def test_a_codec_starts_afresh_after_an_error_and_after_a_thousand_decodes(shared: Sandbox) -> None:
    counting = "var n = 0;" + uplink("n++; if (input.bytes[0] === 9) throw 1; return { data: { n: n } };")
    assert [ask(shared, counting).data["n"] for _ in range(3)] == [1, 2, 3]
    with pytest.raises(CodecError):
        ask(shared, counting, b"\x09")
    assert ask(shared, counting).data["n"] == 1
    counts = [ask(shared, counting).data["n"] for _ in range(worker.DECODES_A_CONTEXT)]
    assert (counts[-2], counts[-1]) == (worker.DECODES_A_CONTEXT, 1)


def test_a_fresh_codec_knows_nothing_of_the_payload_before(shared: Sandbox) -> None:
    leaking = "var seen = 0;" + uplink("seen += input.bytes[0]; return { data: { seen: seen } };")
    fresh = CodecScript("probe.js", leaking, fresh=True)
    assert [ask(shared, leaking).data["seen"] for _ in range(2)] == [1, 2]
    assert [shared.run(fresh, MessagePayload(b"\x01")).data["seen"] for _ in range(2)] == [1, 1]
    assert ask(shared, leaking).data["seen"] == 3


def test_more_codecs_than_are_kept_still_decode(shared: Sandbox) -> None:
    texts = [uplink(f"return {{ data: {{ n: {n} }} }};") for n in range(worker.KEPT_CODECS + 5)]
    assert [ask(shared, text).data["n"] for text in [*texts, *texts]] == [*range(len(texts))] * 2


def test_a_payload_longer_than_a_frame_is_not_given_to_it(shared: Sandbox) -> None:
    with pytest.raises(CodecError) as caught:
        ask(shared, GOOD.text, bytes(243))
    assert caught.value.fault == CodecFault.PAYLOAD


def workers() -> list[psutil.Process]:
    return [child for child in psutil.Process().children() if worker.__file__ in child.cmdline()]


def test_the_workers_have_nothing_of_ours_and_end_with_the_sandbox(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUNWELL_SECRET", "never")
    before = {child.pid for child in workers()}
    with Sandbox() as sandbox:
        ask(sandbox, GOOD.text)
        mine = [child for child in workers() if child.pid not in before]
        assert len(mine) == 2  # one at work and one warm
        for child in mine:
            assert child.environ() == {"TZ": "UTC", "LC_ALL": "C.UTF-8", "MALLOC_ARENA_MAX": "1"}
            assert child.cwd() == "/"
            targets = {Path(f"/proc/{child.pid}/fd/{number}").readlink().as_posix() for number in (1, 2)}
            assert targets == {"/dev/null"}
        # Its greeting is sent after it has confined itself: the one at work has answered, so it is. The other
        # may still be reading its own program.
        assert mine[0].num_fds() == 3
        _, most = mine[0].rlimit(psutil.RLIMIT_AS)
        assert most == worker.ADDRESS_SPACE_BYTES
        assert mine[0].rlimit(psutil.RLIMIT_CPU)[0] < 10
    assert not [child for child in workers() if child.pid not in before]


def test_a_worker_that_dies_between_two_decodes_is_nobodys_fault() -> None:
    with Sandbox() as sandbox:
        before = {child.pid for child in workers()}
        assert ask(sandbox, GOOD.text).data == {"first": 1}
        for child in workers():
            if child.pid not in before:
                child.kill()
                child.wait()
        assert ask(sandbox, GOOD.text).data == {"first": 1}


def test_closing_ends_a_running_codec_with_an_error() -> None:
    sandbox = Sandbox()
    ask(sandbox, GOOD.text)
    found: list[CodecFault] = []

    def stuck() -> None:
        try:
            ask(sandbox, uplink("throw { toString() { for (;;); } };"))
        except CodecError as error:
            found.append(error.fault)

    thread = threading.Thread(target=stuck)
    thread.start()
    sandbox.close()
    thread.join(10)
    assert found
    assert found[0] in (CodecFault.UNAVAILABLE, CodecFault.KILLED)
    with pytest.raises(CodecError) as caught:
        ask(sandbox, GOOD.text)
    assert caught.value.fault == CodecFault.UNAVAILABLE


def test_without_the_engine_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with Sandbox() as sandbox, pytest.raises(CodecError, match=r"pip install 'sunwell\[codecs\]'") as caught:
        ask(sandbox, GOOD.text)
    assert caught.value.fault == CodecFault.UNAVAILABLE
