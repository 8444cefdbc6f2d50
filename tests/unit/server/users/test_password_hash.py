"""Passwords are kept as Argon2id hashes that cost a guesser 64 MiB and three passes each.

Other tests hash cheaply (tests/conftest.py); these hold what production does.
"""

from pwdlib import PasswordHash

from server.users import service

COST = "$argon2id$v=19$m=65536,t=3,p=4$"
"""RFC 9106, section 4: the second recommended option, for where memory is scarce."""


def test_production_hashes_at_full_cost_and_salts(production_hasher: PasswordHash) -> None:
    first, second = production_hasher.hash("sunwell-test"), production_hasher.hash("sunwell-test")
    assert first.startswith(COST)
    assert first != second
    assert production_hasher.verify("sunwell-test", first)
    assert not production_hasher.verify("sunwell-tesT", first)


def test_a_login_that_nobody_has_costs_as_much(production_hasher: PasswordHash) -> None:
    assert service._DUMMY_HASH.startswith(COST)
    assert production_hasher.verify("nobody has this password", service._DUMMY_HASH)
