"""A real identity provider on loopback, secrets that name it, and a websocket client of no browser.

``python -m tests.oidc`` runs the provider, oidc-provider-mock, and says its port.
"""

import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import connect

ROOT = Path(__file__).resolve().parents[1]
PATIENCE = 60  # seconds
# What the README recommends: prompt asks for the password again, max_age obliges the provider to tell auth_time.
SECRETS = """
[auth]
redirect_uri = "http://127.0.0.1:{{port}}/oauth2callback"
cookie_secret = "{cookie_secret}"

[auth.default]
client_id = "recscope"
client_secret = "{client_secret}"
server_metadata_url = "{provider}/.well-known/openid-configuration"
client_kwargs = {{ scope = "openid profile email", prompt = "login" }}
authorize_params = {{ max_age = 900 }}
"""


@dataclass(frozen=True, slots=True)
class Provider:
    """A running provider."""

    url: str

    def describe(self, subject: str, **claims: Any) -> None:
        """Set what the provider says of a person; without an auth_time among it, it says the moment of the sign-in."""
        httpx.put(f"{self.url}/users/{subject}", json=claims, trust_env=False).raise_for_status()

    def write_secrets(self, folder: Path) -> dict[str, str]:
        """Write secrets that name this provider, and return the environment in which a server finds them."""
        path = folder / "secrets.toml"
        path.write_text(
            SECRETS.format(cookie_secret=secrets.token_hex(32), client_secret=secrets.token_hex(16), provider=self.url)
        )
        return {"STREAMLIT_SECRETS_FILES": str(path)}


@contextmanager
def running_provider() -> Iterator[Provider]:
    """Run a provider on a free port of this machine, then end it."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.oidc"],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        try:
            port = process.stdout.readline().strip() if process.stdout else ""
            if not port:
                raise RuntimeError("the identity provider did not start: is oidc-provider-mock installed?")
            yield Provider(f"http://127.0.0.1:{port}")
        finally:
            process.kill()


# --- a client that is no browser ---


@dataclass(frozen=True, slots=True)
class Seen:
    """What a client of the websocket was sent until the page stood: the id of its session, and all else as text."""

    session: str
    text: str


def look(
    server: str,
    *,
    page: str = "",
    query: dict[str, str] | None = None,
    cookies: dict[str, str] | None = None,
    session: str | None = None,
    origin: str | None = "",
) -> Seen:
    """Open a page of a server by its websocket.

    Parameters
    ----------
    cookies
        Those of a browser; without them a fresh visitor's.
    session
        The id of a session to take up again.
    origin
        The site that asks; the server's own if empty, and None for a client that does not tell.
    """
    cookies = cookies or dict(httpx.get(f"{server}/_stcore/health", trust_env=False).cookies)
    words = ["streamlit", cookies["_streamlit_xsrf"], *([session] if session else [])]
    header = "; ".join(f"{name}={value}" for name, value in cookies.items())
    with connect(
        f"ws://{urlsplit(server).netloc}/_stcore/stream",
        origin=server if origin == "" else origin,
        additional_headers={"Cookie": header},
        subprotocols=words,
        max_size=None,
        proxy=None,
    ) as socket:
        asked = BackMsg()
        asked.rerun_script.page_name = page
        asked.rerun_script.query_string = urlencode(query or {})
        socket.send(asked.SerializeToString())
        messages = list(_read(socket))
    first = next(message for message in messages if message.HasField("new_session"))
    return Seen(first.new_session.initialize.session_id, "\n".join(map(str, messages)))


def _read(socket: Any) -> Iterator[ForwardMsg]:
    """Messages up to the end of a run that was not cut short for another one."""
    while True:
        message = ForwardMsg()
        message.ParseFromString(socket.recv(timeout=PATIENCE))
        yield message
        done = message.WhichOneof("type") == "script_finished"
        if done and message.script_finished != ForwardMsg.FINISHED_EARLY_FOR_RERUN:
            return


# --- the provider's process ---


def _serve() -> None:
    """Say the port, then serve."""
    import oidc_provider_mock
    import werkzeug.serving

    os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"  # http, on loopback
    app = oidc_provider_mock.app(require_nonce=True)
    app.after_request(_stay_here)
    server = werkzeug.serving.make_server("127.0.0.1", 0, app, threaded=True)
    print(server.server_port, flush=True)
    server.serve_forever()


def _stay_here(answer: Any) -> Any:
    """Neither a style from another machine nor an icon that is not there."""
    if answer.mimetype == "text/html":
        head, _, rest = answer.get_data(as_text=True).partition("<link")
        answer.set_data(f'{head}<link rel="icon" href="data:,">{rest.partition("/>")[2]}')
    return answer


if __name__ == "__main__":
    _serve()
