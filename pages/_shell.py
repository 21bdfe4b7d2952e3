"""What every page shares: the way in through ``app.py``, the tour, errors as messages, the engine."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import streamlit as st

from core.engine.duck import DuckEngine
from core.errors import RecScopeError
from core.ingest.store import make_folder
from core.settings import Settings
from pages._shell_login import require_login


@dataclass(frozen=True, slots=True)
class PageEntry:
    """A page of the navigation; its file and its address are its word."""

    word: str
    title: str
    icon: str
    default: bool = False


PAGES = (
    PageEntry("overview", "Overview", ":material/home:", default=True),
    PageEntry("holdout", "Holdout", ":material/blur_on:"),
    PageEntry("thresholds", "Thresholds", ":material/tune:"),
    PageEntry("signoff", "Sign-off", ":material/approval:"),
    PageEntry("graph", "Graph", ":material/hub:"),
    PageEntry("delay", "Delay", ":material/hourglass_top:"),
)


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a page's tour: what to look at, and the inputs that are set for it."""

    title: str
    text: str
    presets: Mapping[str, Any] = field(default_factory=dict)


class Stopped(RecScopeError):
    """The user has stopped a job; ``again`` is the callback that lets it run once more."""

    def __init__(self, message: str, *, fix: str, again: Callable[[], None]) -> None:
        super().__init__(message, fix=fix)
        self.again = again


def open_page(word: str, purpose: str, steps: Sequence[Step]) -> None:
    """First call of every page: come in through ``app.py``, then title, purpose and the tour."""
    if "app_has_run" not in st.session_state:
        # A cold server runs the page of a deep link without app.py: note where to, and start over from there.
        st.session_state["deep_link"] = (word, st.query_params.to_dict())
        st.switch_page("app.py")
    entry = next(page for page in PAGES if page.word == word)
    st.set_page_config(page_title=f"{entry.title} · RecScope")
    require_login(word)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.title(entry.title, width="stretch")
        go_first = {"on_click": _go, "args": (word, steps, 1)}
        st.button("Show me", key=f"{word}_tour_start", icon=":material/play_circle:", **go_first)
    st.markdown(purpose)
    with st.container():  # also without a step: what follows keeps its place, and its tabs the focus of the keyboard
        _show_step(word, steps)


def consume_deep_link() -> None:
    """In ``app.py``, after the navigation: go on to the page that a cold deep link asked for, with its parameters."""
    st.session_state["app_has_run"] = True
    if "deep_link" in st.session_state:
        word, parameters = st.session_state.pop("deep_link")
        st.switch_page(f"pages/{word}.py", query_params=parameters)


def touring(word: str) -> bool:
    """Whether the tour of a page is under way."""
    return bool(st.session_state.get(f"{word}_tour"))


def _go(word: str, steps: Sequence[Step], number: int) -> None:
    st.session_state[f"{word}_tour"] = number
    if 1 <= number <= len(steps):
        st.session_state.update(steps[number - 1].presets)


def _show_step(word: str, steps: Sequence[Step]) -> None:
    number = st.session_state.get(f"{word}_tour", 0)
    if not 1 <= number <= len(steps):
        return
    step = steps[number - 1]
    with st.container(border=True, key=f"{word}_tour_card"):
        st.markdown(f"**{number} of {len(steps)} · {step.title}**\n\n{step.text}")
        with st.container(horizontal=True):
            back, ahead = (word, steps, number - 1), (word, steps, number + 1)
            st.button("Back", key=f"{word}_tour_back", on_click=_go, args=back, disabled=number == 1)
            if number < len(steps):
                st.button("Next", key=f"{word}_tour_next", type="primary", on_click=_go, args=ahead)
            st.button("End tour", key=f"{word}_tour_end", on_click=_go, args=(word, steps, 0))


@st.cache_resource
def get_engine(settings: Settings) -> DuckEngine:
    """The engine of this server."""
    make_folder(settings.home)
    return DuckEngine(settings)


@contextmanager
def guarded(part: str) -> Iterator[None]:
    """Turn an error that RecScope raised on purpose into a message with its mend; ``part`` says where on the page."""
    try:
        yield
    except Stopped as stop:
        st.info(f"{stop} {stop.fix}", icon=":material/cancel:")
        st.button("Try again", key=f"{part}_again", on_click=stop.again)
    except RecScopeError as error:
        with st.container(border=True, key=f"{part}_error"):
            st.error("This did not work.", icon=":material/error:")
            st.text(f"{error}\n{error.fix}")  # plain text, whatever characters a file put into it
