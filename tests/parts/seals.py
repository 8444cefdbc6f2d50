"""The key that the tests' databases are sealed with."""

from typing import Final

from server.db.sealed import Seals

SEALS: Final = Seals(["c3Vud2VsbC10ZXN0cy1rZXktMzItYnl0ZXMtbG9uZyE="])
