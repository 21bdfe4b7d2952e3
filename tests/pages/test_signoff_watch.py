"""The rates of newer rows are asked for where the signed rows were sampled by class, and nowhere else."""

from streamlit.testing.v1 import AppTest

from core.thresholds.sampling import Sampling
from pages._signoff_watch import _choose_sampling


def ask(signed: Sampling) -> AppTest:
    """The inputs, and below them what they say."""

    def page(choose, signed):  # type: ignore[no-untyped-def]
        import streamlit as st

        st.text(repr(choose(signed)))

    return AppTest.from_function(page, args=(_choose_sampling, signed)).run()


def test_even_rates_are_not_asked_for() -> None:
    app = ask(Sampling(0.5, 0.5))
    assert len(app.number_input) == len(app.markdown) == 0
    assert app.text[0].value == repr(Sampling(0.5, 0.5))


def test_others_start_as_signed_and_are_to_be_checked() -> None:
    app = ask(Sampling(1.0, 0.2))
    assert [one.value for one in app.number_input] == [1.0, 0.2]
    assert "Check at which rates *these* rows were drawn" in app.markdown[0].value
    app.number_input(key="signoff_keep_negatives").set_value(1.0).run()
    assert app.text[0].value == repr(Sampling(1.0, 1.0))
