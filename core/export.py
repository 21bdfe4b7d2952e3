"""Tables on their way out."""

import re

import pandas as pd

_FORMULA = re.compile(r"^[\s\x00\ufeff\u200b]*[=+\-@＝＋－＠\t\r\n]")

_LINE_BREAK = re.compile(r"\r\n?")  # a bare \r is not quoted by the writer, and starts a new line for some readers


def safe_csv(frame: pd.DataFrame) -> bytes:
    r"""A table as CSV (UTF-8) in which no text cell or header is a spreadsheet formula.

    Text that starts with ``= + - @``, tab, line break or a full-width form of these, also behind blanks, gets a leading
    apostrophe. Line breaks inside a text become line feeds, inside quotes. Numbers stay numbers.

    References
    ----------
    OWASP, CSV Injection.

    Examples
    --------
    >>> safe_csv(pd.DataFrame({"=a": ["+1", "x"], "b": [-0.2, 1.0]}))
    b"'=a,b\n'+1,-0.2\nx,1.0\n"
    """
    safe = frame.copy()
    for column in range(safe.shape[1]):
        if not pd.api.types.is_numeric_dtype(safe.dtypes.iloc[column]):
            safe.isetitem(column, [_quoted(value) for value in safe.iloc[:, column]])
    safe.columns = pd.Index([_quoted(name) for name in safe.columns])
    text: str = safe.to_csv(index=False, lineterminator="\n")
    return text.encode()


def _quoted(value: object) -> object:
    if not isinstance(value, str):
        return value
    text = _LINE_BREAK.sub("\n", value)
    return f"'{text}" if _FORMULA.match(text) else text
