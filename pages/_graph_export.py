"""What leaves the page: the lists of the whole catalogue, and the model."""

from pathlib import Path

import streamlit as st

from core.graph.approximate import CHECKED
from core.graph.export import export_recommendations, read_exported
from core.ingest.store import make_folder
from core.rng import make_generator
from pages._graph_view import View
from pages._shell_jobs import run_job

MOST, USUAL = 200, 20
SEED = 0


def show_export(view: View) -> None:
    """Prepare the lists, then download them; the model as it is."""
    st.subheader("Recommendations of all products")
    st.markdown("One row per recommendation: source, rank, target, score, known. Parquet, ids as in your file.")
    left, right = st.columns(2, vertical_alignment="bottom")
    k = int(left.number_input("Products per list", 1, MOST, USUAL, key="graph_export_k", bind="query-params"))
    known = right.toggle("With known edges", value=False, key="graph_export_known", bind="query-params")
    target = view.settings.home / "graph" / "exports" / f"{view.path.name}_{k}_{'all' if known else 'new'}.parquet"
    if target.exists():
        exported = read_exported(target)
    elif st.button("Prepare the lists", key="graph_prepare", icon=":material/table:"):
        exported = run_job(_export(view, k=k, known=known, target=target), label="Lists")
    else:
        return _offer_model(view)
    st.text(f"{exported.rows:,} rows for {exported.sources:,} of {view.graph.nodes:,} products.")
    if exported.method != "exact":
        st.text(
            f"Found by an approximate index: of {min(CHECKED, view.graph.nodes):,} random products it found "
            f"{exported.recall:.1%} of the exact recommendations."
        )
    _offer("Download the lists", target, name="recscope_recommendations.parquet", key="graph_lists")
    return _offer_model(view)


def _export(view: View, *, k: int, known: bool, target: Path):
    make_folder(target.parent)
    return (
        yield from export_recommendations(
            view.graph, view.scorer, k=k, target=target, with_known=known, rng=make_generator(SEED)
        )
    )


def _offer_model(view: View) -> None:
    st.subheader("The model")
    st.markdown(
        "One file with the graph, the scores' matrices and how they were made. It holds your products' ids and titles. "
        "`python -m core graph recommend MODEL --item ID` reads it; so does NumPy, without RecScope."
    )
    _offer("Download the model", view.path, name=f"recscope_{view.model.engine}.model", key="graph_model")


def _offer(label: str, path: Path, *, name: str, key: str) -> None:
    st.download_button(
        label,
        data=path.read_bytes,
        file_name=name,
        mime="application/octet-stream",
        key=key,
        type="primary",
        on_click="ignore",
        icon=":material/download:",
    )
