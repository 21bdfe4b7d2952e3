"""What a signal tells of the final label, measured before it is used."""

import streamlit as st

from core.delay.diagnostics import measure_signals
from core.delay.figures import signal_figure
from core.delay.snapshot import observe
from pages._delay_scene import Scene
from pages._shell_jobs import keep
from pages._shell_show import show_figure, show_table


def show_signals(scene: Scene) -> None:
    """Entropy of the label before and after the signal is known."""
    st.subheader("What does the signal tell?")
    if not scene.world.signals:
        st.markdown("This world has no signal. Choose one above.")
        return
    table = keep(
        ("delay signals", scene.key),
        lambda: measure_signals(observe(scene.draw(), scene.at, window=scene.window)),
    )
    show_figure(signal_figure(table), key="figure_signals")
    show_table(table.frame(), name="signals")
    st.caption(
        "H(y | signal): what is still open about the label once the signal is known, in bits, on finished rows. "
        "Measure it on your own log before building anything on a signal. It helps to weigh labels and is never "
        "served: no score can have it."
    )
