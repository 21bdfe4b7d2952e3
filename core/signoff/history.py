"""The history of a ledger: as JSON lines that can be checked without the database, and as an HTML report."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from html import escape
from typing import Any

from core.errors import InputError
from core.signoff.chain import BEFORE_GENESIS, Sealed, canonical, read_json
from core.signoff.data import LedgerDamaged, Record
from core.signoff.ledger import Ledger
from core.signoff.workflow import Standing, find_standing

MANY = 1_000  # from which on a number is shown whole
NOT_TOLD = (
    "What this does not tell: whether a typed name is that of the person who typed it, and whether the ledger was "
    "replaced as a whole. Compare the last hash with a receipt that was kept elsewhere."
)
_HEAD = (
    '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
    "<title>RecScope sign-off</title><style>"
    "body{font:16px/1.5 system-ui,sans-serif;max-width:1080px;margin:2rem auto;padding:0 1rem;"
    "color:#1a1a1a;background:#fff}"
    "table{border-collapse:collapse;font-size:13px;display:block;overflow-x:auto;margin:1rem 0}"
    "th,td{border:1px solid #ccc;padding:.2rem .5rem;text-align:left;vertical-align:top}"
    "code,td{overflow-wrap:anywhere}blockquote{white-space:pre-wrap;border-left:3px solid #ccc;margin:0;"
    "padding-left:1rem}</style></head><body>"
)
_NAMES = ("seq", "prev", "kind", "policy", "revision", "version", "at", "key", "meaning")
_WORDS = {
    "submit": "submitted", "approve": "approved", "reject": "rejected", "withdraw": "withdrew",
    "activate": "activated", "roll_back": "rolled back to it", "watch": "watched",
}  # fmt: skip


def write_lines(ledger: Ledger) -> Iterator[str]:
    """Every record as a line of canonical JSON, genesis first: all that the hash chain is made of, and its hash."""
    for record in ledger.read():
        head = {name: getattr(record, name) for name in _NAMES}
        signed = {"ledger": ledger.id, "signer": record.signer.to_json(), "payload": record.payload}
        yield canonical(head | signed | {"hash": record.hash}) + "\n"


def read_lines(lines: Iterable[str]) -> list[Record]:
    """Rebuild the records from :func:`write_lines`, and check every hash and link.

    Raises
    ------
    InputError
        A line is not such a line, does not fit its hash, or does not follow the one before.
    """
    records: list[Record] = []
    name: object = None
    for number, line in enumerate(lines, start=1):
        try:
            found = read_json(line)
            payload, hashed, ledger = canonical(found.pop("payload")), found.pop("hash"), found.pop("ledger")
            record = Sealed.of(ledger, found, payload).open()
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError, LedgerDamaged) as error:
            raise InputError(f"Line {number} is no record of a ledger.", fix=_EXPORT_AGAIN) from error
        before, name = records[-1].hash if records else BEFORE_GENESIS, ledger if number == 1 else name
        if (record.hash, record.prev, record.seq, ledger) != (hashed, before, number - 1, name):
            raise InputError(f"Line {number} does not fit its hash, or the line before it.", fix=_EXPORT_AGAIN)
        records.append(record)
    return records


_EXPORT_AGAIN = "Export the history again, and compare both files: one of them was edited or cut short."


def build_report(ledger: Ledger, *, policy: str | None = None) -> str:
    """The history as one HTML document that needs no network: of a policy, or of all. It holds counts, never a row."""
    names = ledger.policies() if policy is None else [policy]
    body = [_HEAD, "<h1>Sign-off of threshold policies</h1>"]
    for name in names:
        with ledger.stream(name) as stream:
            standings = [find_standing(stream, version) for version in range(stream.versions, 0, -1)]
            at = stream.now
        body += [f"<h2>{escape(name)}</h2>", f"<p>As of {at}.</p>", _table(_overview(standings))]
        body += map(_describe_version, standings)
    last = deque(ledger.read(), maxlen=1)[0]
    body.append(
        f"<p>Ledger <code>{ledger.id}</code>, {last.seq + 1:,} records, last hash <code>{last.hash}</code>.</p>"
    )
    return "".join([*body, f"<p>{escape(NOT_TOLD)}</p></body></html>"])


def _overview(standings: Sequence[Standing]) -> list[dict[str, Any]]:
    return [
        {
            "version": standing.version,
            "state": standing.state,
            "meaning": standing.why,
            "author": standing.author.name,
            "submitted": standing.submission.at,
            "approved by": ", ".join(signer.name for signer in standing.approvers),
            "review by": standing.submission.payload["review_by"],
        }
        for standing in standings
    ]


def _describe_version(standing: Standing) -> str:
    payload = standing.submission.payload
    parts = [
        f"<h3>Version {standing.version}: {standing.state}</h3>",
        f"<p><strong>{escape(payload['guarantee'])}</strong></p>",
        f"<blockquote>{escape(payload['rationale'])}</blockquote>",
        _table(_facts(payload)),
    ]
    for name, caption in (("confirmed", "Rows held back from tuning"), ("tuned", "Rows tuned on (optimistic)")):
        if payload[name] is not None:
            parts += [f"<h4>{caption}</h4>", _table([*payload[name]["levels"], payload[name]["total"]])]
    if payload["comparison"] is not None:
        parts += ["<h4>Against the policy that was active</h4>", _table(_changes(payload["comparison"]))]
    parts += ["<h4>Signatures</h4>", _table([_act(record) for record in standing.records])]
    return "".join(parts)


def _facts(payload: dict[str, Any]) -> list[dict[str, Any]]:
    data, versions = payload["data"], payload["versions"]
    excluded = "; ".join(f"{reason}: {rows:,}" for reason, rows in data["excluded"].items())
    facts = {
        "policy (SHA-256)": payload["policy"]["hash"],
        "evidence (SHA-256)": payload["evidence_hash"],
        "data": data["name"],
        "data (SHA-256)": data["digest"],
        "rows": data["rows"],
        "positives": data["positives"],
        "rows excluded": excluded or "none",
        "method": payload["method"],
        "seed": payload["seed"],
        "made with": ", ".join(f"{name} {version}" for name, version in versions.items() if version),
        "approvals needed": payload["needs"],
        "because": payload["needs_why"],
    }
    return [{"what": what, "value": value} for what, value in facts.items()]


def _changes(comparison: dict[str, Any]) -> list[dict[str, Any]]:
    present, proposed = comparison["present"], comparison["proposed"]
    lines = [
        {"measure": "accepted", "present": present["accepted"], "proposed": proposed["accepted"]}
        | _interval("relative change", comparison["volume"])
    ]
    for name in ("precision", "recall"):
        values = {"present": present[name]["value"], "proposed": proposed[name]["value"]}
        lines.append({"measure": name, **values} | _interval("change", comparison[name]))
    return lines


def _interval(name: str, estimate: dict[str, Any]) -> dict[str, Any]:
    return {name: estimate["value"], "from": estimate["lo"], "to": estimate["hi"]}


def _act(record: Record) -> dict[str, Any]:
    signer, payload = record.signer, record.payload
    said = payload.get("rationale") or payload.get("remark") or payload.get("rule") or ""
    return {
        "when": record.at,
        "who": signer.name,
        "identity": "typed name" if signer.identity == "self-declared" else f"{signer.subject} at {signer.issuer}",
        "what": _WORDS[record.kind],
        "meaning": record.meaning,
        "in their words": said if record.kind != "submit" else "",
        "record": f"{record.seq} {record.hash}",
    }


def _table(lines: Sequence[dict[str, Any]]) -> str:
    """A table with the keys of all lines as its columns."""
    names = list(dict.fromkeys(name for line in lines for name in line))
    head = "".join(f"<th>{escape(name)}</th>" for name in names)
    rows = ("".join(f"<td>{_cell(line.get(name))}</td>" for name in names) for line in lines)
    return f"<table><tr>{head}</tr>{''.join(f'<tr>{row}</tr>' for row in rows)}</table>"


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float) and abs(value) < MANY:
        return f"{value:.4g}"
    return f"{value:,.0f}" if isinstance(value, int | float) else escape(str(value))
