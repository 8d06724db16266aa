"""Secrets that a run is given by name: looked up in the process that runs its cells, and taken out of all that it says.

Only the reference (``env:NAME``, ``keyring:[SERVICE/]NAME``) is stored or sent anywhere; the value is in the memory of that
one process. Whatever cells print, show or raise is searched for it before it leaves.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from typing import Any

from workbench.errors import UsageError
from workbench.parameter import is_reference

SERVICE = "workbench"
MASK = "[secret]"
# What a keyring of the desktop needs to be found.
_KEYRING = ("DBUS_SESSION_BUS_ADDRESS", "XDG_RUNTIME_DIR", "XDG_DATA_HOME", "XDG_CONFIG_HOME", "KEYRING_PROPERTY_SCHEME")
# Shorter ones can't be told from ordinary words and numbers.
_SHORTEST = 4
_found: dict[str, str] = {}


def needed(values: Iterable[Any], given: Mapping[str, str] | None = None) -> dict[str, str]:
    """The variables that a process needs to look these references up; nothing else of the environment.

    Raises ``UsageError`` for a variable that is not set.

    >>> needed(["env:SALT", 7], {"SALT": "x", "OTHER": "y"})
    {'SALT': 'x'}
    """
    given = os.environ if given is None else given
    found: dict[str, str] = {}
    for reference in filter(is_reference, values):
        kind, _, name = reference.partition(":")
        if kind == "env" and not given.get(name):
            raise UsageError(f"{reference}: the variable {name} is not set", hint=f"export {name}=…, then the same command")
        found |= {each: given[each] for each in ((name,) if kind == "env" else _KEYRING) if each in given}
    return found


def resolve(reference: str) -> str:
    """The secret that a reference names; from now on ``redacted`` hides it. A variable is gone afterwards.

    Raises ``UsageError`` when there is none.
    """
    if reference in _found:
        return _found[reference]
    kind, _, name = reference.partition(":")
    value = _of_keyring(name) if kind == "keyring" else os.environ.pop(name, None)
    if not value:
        raise UsageError(f"{reference}: there is no such secret", hint="set it where the run is started, then run it again")
    _found[reference] = value
    return value


def redacted(found: Any) -> Any:
    """A text, or a container of texts, without the secrets of at least four characters that were looked up."""
    if not _found:
        return found
    if isinstance(found, str):
        for secret in sorted({each for each in _found.values() if len(each) >= _SHORTEST}, key=len, reverse=True):
            for form in {secret, json.dumps(secret)[1:-1], repr(secret)[1:-1]}:
                found = found.replace(form, MASK)
        return found
    if isinstance(found, dict):
        return {redacted(name): redacted(value) for name, value in found.items()}
    if isinstance(found, (list, tuple)):
        return [redacted(value) for value in found]
    return found


def _of_keyring(name: str) -> str | None:
    try:
        import keyring
        from keyring.errors import KeyringError
    except ImportError:
        raise UsageError(
            f"keyring:{name} needs the package keyring", hint="pip install 'ibis-workbench[keyring]', then run it again"
        ) from None
    service, separator, user = name.partition("/")
    try:
        return keyring.get_password(service, user) if separator else keyring.get_password(SERVICE, name)
    except KeyringError as error:
        raise UsageError(f"keyring:{name}: {error}", hint="unlock the keyring, then run it again") from None
