"""The server: ``app.py`` behind response headers, an origin check and an upload quota for each browser session.

``streamlit run server.py`` finds ``app`` below; ``streamlit run app.py`` shows the same pages without these
guards. All are plain ASGI classes that know Streamlit by its addresses only.
"""

from collections import OrderedDict
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import streamlit as st
from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core.settings import MEBIBYTE, Settings

# Streamlit's page carries one script of its own in its HTML, allowed by its hash; its styles are written by script.
# A browser that obeys this runs no code and asks no address but this server's, whatever a page may come to hold.
INLINE_SCRIPT = "sha256-THxz9J9+wf7rhwR2YkXJoSZ13UCmYyC+3lNDv2+8ugA="
CONTENT_SECURITY_POLICY = "; ".join(
    [
        "default-src 'self'",
        f"script-src 'self' '{INLINE_SCRIPT}'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "font-src 'self' data:",
        "connect-src 'self'",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    ]
)
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
SMALLEST_FILE = 1024  # bytes: what even an empty file counts for, because the server keeps a record of it


class SecurityHeaders:
    """Add security headers to every HTTP response; close the metrics address, which would answer anyone."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(HEADERS)
                headers.append("Content-Security-Policy", CONTENT_SECURITY_POLICY)
            await send(message)

        closed = scope["path"].rstrip("/").endswith("/_stcore/metrics")
        answer = PlainTextResponse("Metrics are switched off.", status_code=403) if closed else self.app
        await answer(scope, receive, send_with_headers)


class SameOrigin:
    """Refuse a websocket that another site opens.

    Streamlit would refuse it too, but first asks the internet for its own address to compare with.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope) if scope["type"] == "websocket" else {}
        origin = headers.get("origin")
        if origin is not None and urlsplit(origin).netloc != headers.get("host"):
            await send({"type": "websocket.close", "code": 1008, "reason": "Another site may not connect."})
        else:
            await self.app(scope, receive, send)


class UploadQuota:
    """Refuse uploads that would take one browser session beyond ``limit_bytes``.

    Bodies are counted as they arrive, because a declared length can be missing or wrong; a declared length
    that is already too much is refused before the first byte. A file that fails or is deleted gives its bytes
    back, one sent again under its old id replaces itself. A reloaded page is a new session. The table keeps
    the ``sessions`` that uploaded last; a session that falls out of it starts again from nothing.
    """

    def __init__(self, app: ASGIApp, limit_bytes: int, sessions: int = 10_000) -> None:
        self.app = app
        self.limit_bytes = limit_bytes
        self.sessions = sessions
        self._table: OrderedDict[str, _Session] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # Uploads go to …/_stcore/upload_file/<session>/<file>, whatever base path stands in front.
        parts = scope["path"].split("/")[-4:] if scope["type"] == "http" else []
        is_upload = len(parts) == 4 and parts[:2] == ["_stcore", "upload_file"]
        if is_upload and scope["method"] == "PUT":
            await self._put(parts[2], parts[3], scope, receive, send)
        elif is_upload and scope["method"] == "DELETE":
            deleted = await _succeeds(self.app, scope, receive, send)
            if deleted and parts[2] in self._table:
                self._settle(parts[2], self._table[parts[2]], parts[3], 0)
        else:
            await self.app(scope, receive, send)

    async def _put(self, session_id: str, file_id: str, scope: Scope, receive: Receive, send: Send) -> None:
        session: _Session | None = None
        arrived = 0
        stored = False

        async def receive_counted() -> Message:
            nonlocal session, arrived
            message = await receive()
            if size := len(message.get("body", b"")):
                # Streamlit reads a body only for a session that exists: invented ids never enter the table.
                # Uploads side by side see each other's bytes: no await stands between look-up and addition.
                session = session or self._enter(session_id)
                session.arriving += size
                arrived += size
                if session.total > self.limit_bytes:
                    raise _OverQuotaError
            return message

        try:
            self._check_declared(session_id, Headers(scope=scope).get("content-length", ""))
            stored = await _succeeds(self.app, scope, receive_counted, send)
        except _OverQuotaError:
            await self._refusal()(scope, receive, send)
        finally:
            if session:
                session.arriving -= arrived
                self._settle(session_id, session, file_id, max(arrived, SMALLEST_FILE) if stored else None)

    def _check_declared(self, session_id: str, length: str) -> None:
        held = self._table[session_id].total if session_id in self._table else 0
        if length.isdecimal() and held + int(length) > self.limit_bytes:
            raise _OverQuotaError

    def _enter(self, session_id: str) -> "_Session":
        session = self._table.setdefault(session_id, _Session())
        self._table.move_to_end(session_id)
        if len(self._table) > self.sessions:
            self._table.popitem(last=False)
        return session

    def _settle(self, session_id: str, session: "_Session", file_id: str, size: int | None) -> None:
        if size is not None:
            session.kept += size - session.files.pop(file_id, 0)
            if size:
                session.files[file_id] = size
        if session.total == 0:
            self._table.pop(session_id, None)

    def _refusal(self) -> PlainTextResponse:
        text = (
            f"The files of one session may take {self.limit_bytes / MEBIBYTE:,.0f} MB together, and this one "
            "would pass that. Remove a file, or reload the page to start again, then upload it once more."
        )
        return PlainTextResponse(text, status_code=413)


@dataclass(slots=True, eq=False)
class _Session:
    """Bytes of one session: of each file it keeps, their sum, and of the uploads under way."""

    files: dict[str, int] = field(default_factory=dict)
    kept: int = 0
    arriving: int = 0

    @property
    def total(self) -> int:
        return self.kept + self.arriving


class _OverQuotaError(Exception):
    """Raised through the application, which then stops reading and keeps nothing."""


async def _succeeds(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> bool:
    """Run ``app`` and tell whether it answered with a success."""
    status = 500

    async def send_watched(message: Message) -> None:
        nonlocal status
        status = message.get("status", status)
        await send(message)

    await app(scope, receive, send_watched)
    return status < 300


app = st.App(
    "app.py",
    middleware=[
        Middleware(SecurityHeaders),
        Middleware(SameOrigin),
        Middleware(UploadQuota, limit_bytes=Settings.from_environment().session_quota_bytes),
    ],
)
