"""The pages: server-rendered, alive through server-sent events, in Chinese and English."""

from server.web.errors import page as error_page
from server.web.navigation import Entry
from server.web.pages import extend, mount

__all__ = ["Entry", "error_page", "extend", "mount"]
