"""The router: page config and navigation. Nothing else."""

from pathlib import Path

import streamlit as st

from pages._shell import PAGES, consume_deep_link
from pages._shell_login import may_enter

st.set_page_config(page_title="RecScope", page_icon=Path(__file__).parent / "pages" / "icon.svg", layout="wide")
navigation = st.navigation(
    [st.Page(f"pages/{page.word}.py", title=page.title, icon=page.icon, default=page.default) for page in PAGES],
    position="top" if may_enter() else "hidden",
)
consume_deep_link()
navigation.run()
