"""The views of the delay page by name. All but the last are about the simulated world that their controls describe."""

from collections.abc import Callable

import streamlit as st

from pages._delay_anatomy import show_anatomy
from pages._delay_log import show_log
from pages._delay_scene import Scene, choose_scene
from pages._delay_simulate import show_simulate
from pages._delay_waiting import show_waiting
from pages._delay_weights import show_weights
from pages._shell import guarded


def _simulated(show: Callable[[Scene], None]) -> Callable[[], None]:
    return lambda: show(choose_scene())


SECTIONS: dict[str, Callable[[], None]] = {
    "Simulate": _simulated(show_simulate),
    "Anatomy of the bias": _simulated(show_anatomy),
    "How long must I wait?": _simulated(show_waiting),
    "Weights, explained": _simulated(show_weights),
    "Your own log": show_log,
}


@st.fragment
def run_section(show: Callable[[], None]) -> None:
    """Show the chosen view; its own controls run it again without the rest of the page."""
    with guarded("delay_section"):
        show()
