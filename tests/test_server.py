"""The middlewares of server.py as plain ASGI, around small applications."""

import asyncio
import base64
import hashlib
import re
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
import streamlit

from server import INLINE_SCRIPT, SMALLEST_FILE, SameOrigin, SecurityHeaders, UploadQuota

KIB = 1024
Message = dict[str, Any]
App = Callable[..., Awaitable[None]]


class Answer:
    """What a client saw: the status, the headers by lower-case name, and the body."""

    def __init__(self, sent: list[Message]) -> None:
        starts = [message for message in sent if message["type"] == "http.response.start"]
        assert len(starts) == 1, "exactly one response must start"
        self.status = starts[0]["status"]
        self.headers = {name.decode().lower(): value.decode() for name, value in starts[0]["headers"]}
        self.body = b"".join(message.get("body", b"") for message in sent)


async def ask(
    app: App, path: str, method: str = "GET", chunks: Iterable[bytes] = (), length: int | None = None
) -> Answer:
    """Send one request; ``length`` is the declared length, which need not be true."""
    bodies = list(chunks)
    sent: list[Message] = []

    async def receive() -> Message:
        await asyncio.sleep(0)  # let another upload run, as a network would
        if not bodies:
            return {"type": "http.request", "body": b"", "more_body": False}
        return {"type": "http.request", "body": bodies.pop(0), "more_body": True}

    async def send(message: Message) -> None:
        sent.append(message)

    headers = [] if length is None else [(b"content-length", str(length).encode())]
    await app({"type": "http", "method": method, "path": path, "headers": headers}, receive, send)
    return Answer(sent)


class Store:
    """An application that keeps uploads as Streamlit does: whole body first, then one answer."""

    def __init__(self, status: int = 204) -> None:
        self.status = status
        self.kept: dict[str, int] = {}
        self.received = 0

    async def __call__(self, scope: Message, receive: Any, send: Any) -> None:
        more = scope["method"] == "PUT"
        size = 0
        while more:
            message = await receive()
            size += len(message["body"])
            self.received += len(message["body"])
            more = message["more_body"]
        if scope["method"] == "PUT" and self.status < 300:
            self.kept[scope["path"]] = size
        await send({"type": "http.response.start", "status": self.status, "headers": []})
        await send({"type": "http.response.body", "body": b""})


def upload_path(session: str = "s", file: str = "f", base: str = "") -> str:
    return f"{base}/_stcore/upload_file/{session}/{file}"


async def put(quota: UploadQuota, path: str, kib: int, **options: Any) -> int:
    """Upload ``kib`` KiB in pieces of 1 KiB and return the status."""
    return (await ask(quota, path, "PUT", [bytes(KIB)] * kib, **options)).status


# --- headers ---


@pytest.mark.parametrize("status", [200, 404, 500])
def test_headers_are_on_every_response(status: int) -> None:
    answer = asyncio.run(ask(SecurityHeaders(Store(status)), "/"))
    assert answer.status == status
    policy = answer.headers["content-security-policy"]
    assert "frame-ancestors 'none'" in policy
    assert "unsafe-eval" not in policy
    assert "*" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert "camera=()" in answer.headers["permissions-policy"]


def test_the_policy_allows_just_the_script_that_streamlit_writes_into_its_page() -> None:
    page = (Path(streamlit.__file__).parent / "static" / "index.html").read_text(encoding="utf-8")
    scripts = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    hashes = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts]
    assert [f"sha256-{digest}" for digest in hashes] == [INLINE_SCRIPT]


@pytest.mark.parametrize("path", ["/_stcore/metrics", "/_stcore/metrics/", "/base/path/_stcore/metrics"])
def test_metrics_are_refused_with_headers(path: str) -> None:
    answer = asyncio.run(ask(SecurityHeaders(Store(200)), path))
    assert answer.status == 403
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("path", ["/_stcore/health", "/metrics", "/"])
def test_other_addresses_are_passed_on(path: str) -> None:
    assert asyncio.run(ask(SecurityHeaders(Store(200)), path)).status == 200


@pytest.mark.parametrize("middleware", [SecurityHeaders, lambda app: UploadQuota(app, limit_bytes=1)])
@pytest.mark.parametrize("kind", ["websocket", "lifespan"])
def test_what_is_not_http_is_passed_on_untouched(middleware: Callable[[App], App], kind: str) -> None:
    seen: list[tuple[Any, ...]] = []

    async def record(*arguments: Any) -> None:
        seen.append(arguments)

    asyncio.run(middleware(record)({"type": kind}, receive := object(), send := object()))
    assert seen == [({"type": kind}, receive, send)]


# --- quota ---


def test_a_session_may_fill_its_quota_but_not_pass_it() -> None:
    async def scenario() -> list[int]:
        quota = UploadQuota(Store(), limit_bytes=10 * KIB)
        sizes = {"a": 6, "b": 5, "c": 4, "d": 1}  # 6; 6+5 > 10; 6+4 = 10; 10+1 > 10
        return [await put(quota, upload_path(file=name), kib) for name, kib in sizes.items()]

    assert asyncio.run(scenario()) == [204, 413, 204, 413]


def test_each_session_has_a_quota_of_its_own() -> None:
    async def scenario() -> list[int]:
        quota = UploadQuota(Store(), limit_bytes=10 * KIB)
        return [await put(quota, upload_path(session), 10) for session in ("s", "t", "u")]

    assert asyncio.run(scenario()) == [204, 204, 204]


@pytest.mark.parametrize("length", [None, 1])
def test_bytes_count_as_they_arrive_whatever_was_declared(length: int | None) -> None:
    store = Store()
    quota = UploadQuota(store, limit_bytes=10 * KIB)
    assert asyncio.run(put(quota, upload_path(), 1000, length=length)) == 413
    assert store.received == 10 * KIB  # the application never saw the eleventh piece
    assert store.kept == {}


def test_a_declared_length_beyond_the_quota_is_refused_before_the_first_byte() -> None:
    store = Store()
    quota = UploadQuota(store, limit_bytes=10 * KIB)
    assert asyncio.run(put(quota, upload_path(), 11, length=11 * KIB)) == 413
    assert store.received == 0


@pytest.mark.parametrize("length", ["-5", "many", "", "٣"])
def test_a_meaningless_declared_length_is_left_to_the_application(length: str) -> None:
    async def scenario() -> list[Message]:
        sent: list[Message] = []
        headers = [(b"content-length", length.encode("utf-8"))]
        scope = {"type": "http", "method": "PUT", "path": upload_path(), "headers": headers}

        async def receive() -> Message:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Message) -> None:
            sent.append(message)

        await UploadQuota(Store(), limit_bytes=KIB)(scope, receive, send)
        return sent

    assert Answer(asyncio.run(scenario())).status == 204


def test_the_refusal_says_what_to_do() -> None:
    quota = UploadQuota(Store(), limit_bytes=2 * KIB * KIB)
    answer = asyncio.run(ask(quota, upload_path(), "PUT", [bytes(3 * KIB * KIB)]))
    assert answer.status == 413
    assert b"2 MB together" in answer.body
    assert b"Remove a file" in answer.body


def test_uploads_side_by_side_share_the_quota() -> None:
    async def scenario() -> list[int]:
        quota = UploadQuota(Store(), limit_bytes=10 * KIB)
        return await asyncio.gather(*(put(quota, upload_path(file=str(number)), 6) for number in range(4)))

    # 4 × 6 KiB in turns of 1 KiB: all four are under way when the eleventh KiB arrives, and some are refused;
    # what those had sent is free again for the others, and one file of 6 fits.
    assert sorted(asyncio.run(scenario())) == [204, 413, 413, 413]


def test_a_deleted_file_gives_its_bytes_back_once() -> None:
    async def scenario() -> list[int]:
        quota = UploadQuota(Store(), limit_bytes=10 * KIB)
        first = await put(quota, upload_path(file="a"), 8)
        for _ in range(2):  # the second one has nothing to give back
            await ask(quota, upload_path(file="a"), "DELETE")
        await ask(quota, upload_path("unknown", "a"), "DELETE")
        return [
            first,
            await put(quota, upload_path(file="b"), 11),
            await put(quota, upload_path(file="c"), 10),
        ]

    assert asyncio.run(scenario()) == [204, 413, 204]


def test_a_refused_deletion_gives_nothing_back() -> None:
    async def scenario() -> list[int]:
        store = Store()
        quota = UploadQuota(store, limit_bytes=10 * KIB)
        first = await put(quota, upload_path(file="a"), 8)
        store.status = 403
        await ask(quota, upload_path(file="a"), "DELETE")
        store.status = 204
        return [first, await put(quota, upload_path(file="b"), 8)]

    assert asyncio.run(scenario()) == [204, 413]


@pytest.mark.parametrize("status", [400, 403, 413])
def test_a_failed_upload_gives_its_bytes_back(status: int) -> None:
    async def scenario() -> list[int]:
        store = Store(status)
        quota = UploadQuota(store, limit_bytes=10 * KIB)
        first = await put(quota, upload_path(), 10)
        store.status = 204
        return [first, await put(quota, upload_path(), 10)]

    assert asyncio.run(scenario()) == [status, 204]


def test_a_crash_in_the_application_gives_the_bytes_back() -> None:
    async def crash(scope: Message, receive: Any, send: Any) -> None:
        await receive()
        raise ConnectionError("the browser went away")

    async def scenario() -> int:
        quota = UploadQuota(crash, limit_bytes=KIB)
        with pytest.raises(ConnectionError):
            await put(quota, upload_path(), 1)
        quota.app = Store()
        return await put(quota, upload_path(), 1)

    assert asyncio.run(scenario()) == 204


def test_a_file_sent_again_replaces_itself() -> None:
    async def scenario() -> list[int]:
        quota = UploadQuota(Store(), limit_bytes=10 * KIB)
        return [await put(quota, upload_path(), kib) for kib in (5, 5, 5)]  # 5, then 5 beside the old 5, and again

    assert asyncio.run(scenario()) == [204, 204, 204]


def test_tiny_files_fill_the_quota_too() -> None:
    async def scenario() -> list[int]:
        quota = UploadQuota(Store(), limit_bytes=3 * SMALLEST_FILE)
        return [(await ask(quota, upload_path(file=str(number)), "PUT", [b"1"])).status for number in range(5)]

    assert asyncio.run(scenario()) == [204, 204, 204, 413, 413]


def test_a_base_path_is_respected_and_other_addresses_are_not_counted() -> None:
    async def scenario() -> list[int]:
        quota = UploadQuota(Store(), limit_bytes=KIB)
        return [
            await put(quota, upload_path(base="/team/tool"), 2),
            await put(quota, "/_stcore/upload_file/s", 2),
            await put(quota, "/media/upload_file/s/f", 2),
            (await ask(quota, upload_path(), "OPTIONS", length=5 * KIB)).status,
        ]

    assert asyncio.run(scenario()) == [413, 204, 204, 204]


def test_the_table_is_bounded_and_forgets_the_session_that_uploaded_longest_ago() -> None:
    async def scenario() -> list[int]:
        quota = UploadQuota(Store(), limit_bytes=KIB, sessions=2)
        for session in ("a", "b", "c"):
            await put(quota, upload_path(session, "1"), 1)
        return [await put(quota, upload_path(session, "2"), 1) for session in ("b", "c", "a")]

    assert asyncio.run(scenario()) == [413, 413, 204]


def test_invented_sessions_leave_no_trace() -> None:
    async def refuse(scope: Message, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 400, "headers": []})
        await send({"type": "http.response.body", "body": b"no such session"})

    async def scenario() -> list[int]:
        quota = UploadQuota(Store(), limit_bytes=KIB, sessions=2)
        statuses = [await put(quota, upload_path("real", "1"), 1)]
        quota.app = refuse
        statuses += [await put(quota, upload_path(f"invented {number}", "1"), 1) for number in range(3)]
        quota.app = Store()
        return [
            *statuses,
            await put(quota, upload_path("real", "2"), 1),
        ]  # the real one is still known, and full

    assert asyncio.run(scenario()) == [204, 400, 400, 400, 413]


def connect(origin: str | None) -> list[Message]:
    """Open a websocket through SameOrigin to an application that accepts everyone; return what it answered."""
    sent: list[Message] = []

    async def accept(scope: Message, receive: App, send: App) -> None:
        await send({"type": "websocket.accept"})

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    async def send(message: Message) -> None:
        sent.append(message)

    headers = [(b"host", b"127.0.0.1:8501")] + ([] if origin is None else [(b"origin", origin.encode())])
    scope = {"type": "websocket", "path": "/_stcore/stream", "headers": headers}
    asyncio.run(SameOrigin(accept)(scope, receive, send))
    return sent


@pytest.mark.parametrize("origin", [None, "http://127.0.0.1:8501", "https://127.0.0.1:8501"])
def test_a_websocket_of_the_same_site_is_let_through(origin: str | None) -> None:
    assert [message["type"] for message in connect(origin)] == ["websocket.accept"]


@pytest.mark.parametrize("origin", ["http://evil.example", "http://127.0.0.1:8502", "null", ""])
def test_a_websocket_of_another_site_is_refused(origin: str) -> None:
    assert [message["type"] for message in connect(origin)] == ["websocket.close"]
