"""Who signs: from the claims of an identity provider, or a typed name; with which roles, and how fresh."""

import re
import unicodedata
from collections.abc import Mapping
from datetime import datetime
from typing import Any, get_args

from core.errors import InputError, RecScopeError
from core.settings import Settings
from core.signoff.data import TEXT_LENGTH, Role, Signer

LOCAL_ISSUER = "local"
OLDEST_SECONDS = 15 * 60
AHEAD_SECONDS = 60
EVERY_ROLE: tuple[Role, ...] = get_args(Role)
# Letters and marks of Unicode that are drawn as nothing; format characters are found by their category.
_INVISIBLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0000-\U000e0fff]"
)
SIGN_IN_AGAIN = "Sign in again with your password, and then sign within 15 minutes."


class StaleSignIn(RecScopeError):
    """The signer did not prove who they are a short time ago."""


def read_signer(claims: Mapping[str, Any], *, settings: Settings) -> Signer:
    """The signer whom an identity provider vouches for.

    Definition
    ----------
    A person is (``iss``, ``sub``); name and e-mail are for display, and may change or be used anew. A role comes from
    the claim ``settings.role_claim`` (a list, or text with blanks or commas), or from a list in the settings that names
    the subject, or (entries with an @) the e-mail address if the provider verified it.

    Raises
    ------
    InputError
        Issuer or subject is missing, or a claim is of an odd form.

    Notes
    -----
    ``iat`` is never taken for ``auth_time``: a provider issues a new token without asking the person again.

    References
    ----------
    OpenID Connect Core 1.0, sections 2 and 5.7.
    """
    issuer, subject = (_known(claims, name) for name in ("iss", "sub"))
    mail = claims.get("email") if claims.get("email_verified") is True else None
    names = (claims.get("name"), claims.get("preferred_username"), mail, subject)
    name = next(text for text in map(_shown, names) if text)
    moment = claims.get("auth_time")
    whole = isinstance(moment, int) and not isinstance(moment, bool) and moment >= 0
    roles = _claimed(claims, settings.role_claim) | _listed(subject, mail, settings)
    return Signer(
        issuer=issuer,
        subject=subject,
        name=name,
        identity="oidc",
        roles=tuple(role for role in EVERY_ROLE if role in roles),
        auth_time=moment if whole else None,
    )


def declare_signer(name: str) -> Signer:
    """A signer who only typed a name: nobody vouches for it, and it may play every role.

    Raises
    ------
    InputError
        The name is blank, too long, or holds characters that are not seen.

    Examples
    --------
    >>> declare_signer("  Ada   Lovelace ").name
    'Ada Lovelace'
    """
    if any(unicodedata.category(c) in ("Cf", "Cs", "Cn", "Co") for c in name) or _INVISIBLE.search(name):
        raise InputError("The name holds characters that are not seen.", fix="Type your name in plain letters.")
    typed = _shown(name)
    if not any(character.isalnum() for character in typed):
        raise InputError("The name is blank.", fix="Type your name: it stands in the ledger for good.")
    return Signer(LOCAL_ISSUER, typed, typed, "self-declared", EVERY_ROLE, None)


def check_fresh(signer: Signer, *, now: str) -> None:
    """Refuse a signer who did not sign in a short time before ``now``, a moment of the ledger.

    Raises
    ------
    StaleSignIn
        The last sign-in is unknown, more than 15 minutes ago, or more than a minute ahead.

    Notes
    -----
    A typed name has no sign-in, and passes: that nobody vouches for it stands in the record.
    """
    if signer.identity == "self-declared":
        return
    if signer.auth_time is None:
        raise StaleSignIn("The identity provider does not tell when you signed in.", fix=SIGN_IN_AGAIN)
    age = datetime.fromisoformat(now).timestamp() - signer.auth_time
    if age > OLDEST_SECONDS:
        raise StaleSignIn(f"You signed in {age / 60:,.0f} minutes ago; 15 is the limit.", fix=SIGN_IN_AGAIN)
    if age < -AHEAD_SECONDS:
        raise StaleSignIn(
            f"Your sign-in lies {-age:,.0f} seconds ahead of the ledger's clock.",
            fix="Have the clocks of this server and of the identity provider set, and sign in again.",
        )


def _known(claims: Mapping[str, Any], name: str) -> str:
    value = claims.get(name)
    if not isinstance(value, str) or not value.strip():
        raise InputError(f"The sign-in has no claim {name}.", fix="Sign in again; else ask who runs this server.")
    return value


def _shown(text: object) -> str:
    """A text on one line, without characters that are not seen."""
    if not isinstance(text, str):
        return ""
    seen = "".join(c if unicodedata.category(c)[0] != "C" else " " for c in unicodedata.normalize("NFC", text))
    return " ".join(seen.split())[:TEXT_LENGTH].strip()


def _claimed(claims: Mapping[str, Any], path: str) -> set[str]:
    """Roles of a claim: of that whole name, or behind its dots."""
    found: Any = claims.get(path)
    if found is None:
        found = claims
        for part in path.split("."):
            found = found.get(part) if isinstance(found, Mapping) else None
    if isinstance(found, str):
        found = found.replace(",", " ").split()
    return {one for one in found if isinstance(one, str)} if isinstance(found, list | tuple) else set()


def _listed(subject: str, mail: object, settings: Settings) -> set[str]:
    """Roles of the lists in the settings: an entry with an @ is an address, and never a subject."""
    lists = {"author": settings.authors, "approver": settings.approvers, "auditor": settings.auditors}
    address = mail.casefold() if isinstance(mail, str) else None
    return {
        role
        for role, people in lists.items()
        if (subject in people and "@" not in subject)
        or (address is not None and "@" in address and address in map(str.casefold, people))
    }
