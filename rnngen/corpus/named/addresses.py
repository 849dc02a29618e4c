"""Which addresses may be asked, and through which proxy.

They have certain schemes, and lead only to addresses that are no less safe.
"""

from __future__ import annotations

import os
from urllib.parse import urljoin, urlsplit

from rnngen.errors import CorpusError, shortened


def redirected(url: str, location: str, schemes: tuple[str, ...]) -> str:
    """The address that a redirect leads to.

    Args:
        url: what was asked for.
        location: where the answer says that it is, perhaps relative to ``url``.
        schemes: those that addresses may have; from HTTPS nothing leads to another.

    Raises:
        CorpusError: it is none that may be followed.
    """
    try:
        target = urljoin(url, location) if location else "nothing"
    except ValueError:
        target = location
    check_scheme(target, url, ("https",) if urlsplit(url).scheme == "https" else schemes)
    return target


def check_scheme(target: str, where: str, schemes: tuple[str, ...]) -> None:
    """Make sure that an address may be asked.

    Args:
        target: the address.
        where: what leads to it.
        schemes: those that it may have.

    Raises:
        CorpusError: it has another.
    """
    try:
        is_allowed = urlsplit(target).scheme in schemes
    except ValueError:
        is_allowed = False
    if not is_allowed:
        raise CorpusError(
            "leads to an address that is not followed",
            where=where,
            expected=" or ".join(schemes),
            found=shortened(target, 80),
        )


def through_proxy(url: str) -> str:
    """The proxy through which an address is asked, and what sets it, for a message; empty: there is none.

    The name and the password that the proxy may need are left out.
    """
    from requests.utils import get_environ_proxies, select_proxy

    try:
        proxy = select_proxy(url, get_environ_proxies(url))
    except ValueError:  # no address at all
        return ""
    if not proxy:
        return ""
    names = [name for each in (f"{urlsplit(url).scheme}_proxy", "all_proxy") for name in (each, each.upper())]
    variable = next((name for name in names if os.environ.get(name)), "the system's settings")
    return f" through the proxy {shortened(proxy.rpartition('@')[2], 80)} of {variable}"
