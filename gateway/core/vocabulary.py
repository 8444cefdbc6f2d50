"""The words of our own messages and of the system's common errors, in small letters: all that is told on of a
free text. Whatever else stands in one may be a name."""

from typing import Final

_TEXT: Final = """
a acted address afresh after after_ms again ago alarm alarming alarms all allowed allows already among an
and anew another answer answered any applied are arguments array as aside asks at auth authority
authorized availability available back bad basic baud be before begin begins begun belongs between bits
breaches break bridge broken broker busy button buzzer by bytes calls can cannot certificate change
character check chirpstack clear clock closed code codec coils come command commands connected connection
content could curve cut data database debounce_ms decoded default delivered demo denied desired dev device
devices digits directory disconnected discovery disk do document does done down driver drivers dropped
each either elliptic else empty ended ends enrol enrolled enrolment enrols epoch errno error exception
expected expired factory failed failure fast fc field file follow for for_ms force form found frame
frame_ms framer frames from full function gateway get give go got gpio had has have health health_ms held
here hex holds host hostname http hushed i id identity ids image imei immediate in input inside install
int integrity invalid ip is issuer it its itself json just keep keeps kept kept_ms key keys known lane
last leave led left letters level lies light limit limits line list listen listens load local locate
locked log look lost mac machine made made_ms malformed many memory message messages middle min mismatch
missing mistyped modbus models more mqtt multipart must name names needed needs negative neither network
new newer news next no nobody none nor not nothing now ntp number o object of offset on once one only open
opened operation operations or order other out output outputs outside over overlap packed page parity part
parts password path payload payloads peer permission pi pin pip pipe place point points port position
positions post posted power profile profiles program proof protocol prove publish pushed put quota rc
reached read readings realm reason received_ms receives refused refuses registered registers repeating
replies report request required reset resolution result revision room route rows rule rules running runs s
same says schema seconds secret secret_file self send sender sends sent seq serial served server service
session set settings sha short shows side signed silenced since siren slow software somebody something
sounds source space speak speaks spill spoke ssl stack stale stands start started starts state stay still
stop stopped stops str subscription subscriptions such sunwell synchronised system t taken takes tcp
telemetry tells temporary text texts than that the their them then there they things this time timed times
tls to token token_sha told too topic topics trouble troubles truncated try ttyusb two type unable unit
unreachable unspecified unsupported until up uplink uplinks usable use used user uses utf value values
verify version voice waiting wake was watchdog what when where whether whole wildcards with within
within_ms writes writing written xml yet
"""
WORDS: Final = frozenset(_TEXT.split())
