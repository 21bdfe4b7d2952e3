"""The history of a ledger: as JSON lines that can be checked without the database, and as an HTML report."""

import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from typing import Any

from core.errors import InputError
from core.signoff.audit import Rules
from core.signoff.chain import BEFORE_GENESIS, Sealed, canonical, read_json
from core.signoff.data import LedgerDamaged, Receipt, Record
from core.signoff.ledger import Ledger
from core.signoff.verify import FINDINGS_CAP, Finding, Verification, Walk, line_of
from core.signoff.workflow import Listed, Standing, find_standing, list_summaries

MANY = 1_000  # from which on a number is shown whole
DESCRIBED = 200  # versions of a policy that a report describes one by one
_LISTED, _READ = 1_000, 20  # versions that are read in one transaction: without their payloads, and with
NOT_TOLD = (
    "What this does not tell: whether a typed name is that of the person who typed it, and whether the ledger was "
    "replaced, as a whole or from some record on. Compare the last hash with a receipt that was kept elsewhere."
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


def read_lines(lines: Iterable[str]) -> Iterator[Record]:
    """Rebuild the records from :func:`write_lines`, and check every hash and link.

    Raises
    ------
    InputError
        A line is not such a line, does not fit its hash, or does not follow the one before.
    """
    return (record for record, _ in _open_lines(lines))


def _open_lines(lines: Iterable[str]) -> Iterator[tuple[Record, Sealed]]:
    before, name = BEFORE_GENESIS, ""
    for number, line in enumerate(lines):
        try:
            found = read_json(line)
            payload, hashed, ledger = canonical(found.pop("payload")), found.pop("hash"), found.pop("ledger")
            sealed = Sealed.of(ledger, found, payload)
            record = sealed.open()
            name = name or _name_of(record)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError, LedgerDamaged) as error:
            raise InputError(f"Line {number + 1} is no record of a ledger.", fix=_EXPORT_AGAIN) from error
        if (record.hash, record.prev, record.seq, ledger) != (hashed, before, number, name):
            raise InputError(f"Line {number + 1} does not fit its hash, or the line before it.", fix=_EXPORT_AGAIN)
        before = record.hash
        yield record, sealed


def _name_of(genesis: Record) -> str:
    """The name of a ledger: the key of the record that began it."""
    return uuid.UUID(genesis.key).hex


def verify_lines(lines: Iterable[str], receipts: Sequence[Receipt]) -> Verification:
    """Verify an exported history as :func:`core.signoff.audit.audit` does a ledger; no database is needed.

    Raises
    ------
    InputError
        Its first line is none of :func:`write_lines`.

    Notes
    -----
    It ends at the first line that does not fit. Where a record is not in its order, or a receipt says other than a
    line, the rules are not asked.
    """
    findings, forbidden = list[Finding](), list[Finding]()
    walk, rules = Walk(receipts, findings), Rules()
    try:
        for record, sealed in _open_lines(lines):
            walk.go([line_of(record, sealed)])
            forbidden += rules.ask(record)
        if not walk.records:
            raise InputError("The file has no lines.", fix=_EXPORT_AGAIN)
        walk.finish(walk.records)
    except InputError as error:
        if not walk.records:
            raise
        findings.append(Finding(walk.records, "hash", str(error)))
    told = (findings or forbidden)[:FINDINGS_CAP]
    return Verification(walk.ledger_id, walk.records, not told, tuple(told), walk.prev)


_EXPORT_AGAIN = "Export the history again, and compare both files: one of them was edited or cut short."


def build_report(ledger: Ledger, *, policy: str | None = None) -> str:
    """The history as one HTML document that needs no network: of a policy, or of all. It holds counts, never a row.

    Raises
    ------
    InputError
        No version of that policy was ever submitted.

    Notes
    -----
    Linear in the number of versions. It shows the ledger as it stood after one record, but is read in many short
    transactions, so that people can sign meanwhile.
    """
    names = ledger.policies()
    if policy is not None:
        names = [check_known(policy, names)]
    last = ledger.last()
    body = [_HEAD, "<h1>Sign-off of threshold policies</h1>"]
    for name in names:
        body += _describe_policy(ledger, name, until=last.seq)
    body.append(
        f"<p>Ledger <code>{ledger.id}</code>, {last.seq + 1:,} records, last hash <code>{last.hash}</code>.</p>"
    )
    return "".join([*body, f"<p>{escape(NOT_TOLD)}</p></body></html>"])


def check_known(policy: str, names: Sequence[str]) -> str:
    """Return the name of a policy if it is one of the ledger's.

    Raises
    ------
    InputError
        It is not.
    """
    if policy not in names:
        known = ", ".join(names[:10]) or "none yet"
        raise InputError(f"The ledger has no policy {ascii(policy)[:80]}.", fix=f"Choose one of: {known}.")
    return policy


def _describe_policy(ledger: Ledger, name: str, *, until: int) -> Iterator[str]:
    with ledger.stream(name, until=until) as stream:
        versions, now, turns = stream.versions, stream.now, stream.activations(limit=1)
    yield f"<h2>{escape(name)}</h2><p>As of {now}.</p>"
    if versions > DESCRIBED:
        yield (
            f"<p>This lists all {versions:,} versions, and describes the latest {DESCRIBED} and the one made active "
            "last. The JSON lines hold all of every version.</p>"
        )
    listed: list[Listed] = []
    for offset in range(0, versions, _LISTED):
        with ledger.stream(name, until=until) as stream:
            listed += list_summaries(stream.summaries(offset=offset, limit=_LISTED), now=now)
    yield _table([_overview(one) for one in listed])
    shown = list(range(versions, max(versions - DESCRIBED, 0), -1))
    shown += [turn.version for turn in turns if turn.version not in shown]
    for first in range(0, len(shown), _READ):
        with ledger.stream(name, until=until) as stream:
            standings = [find_standing(stream, version) for version in shown[first : first + _READ]]
        yield from map(_describe_version, standings)


def _overview(one: Listed) -> dict[str, Any]:
    lines = one.summary.lines
    return {
        "version": one.summary.version,
        "state": one.state,
        "author": lines[0].signer,
        "submitted": lines[0].at,
        "approved by": ", ".join(line.signer for line in lines if line.kind == "approve"),
        "review by": one.summary.review_by,
    }


def _describe_version(standing: Standing) -> str:
    payload = standing.submission.payload
    parts = [
        f"<h3>Version {standing.version}: {standing.state}</h3>",
        f"<p>{escape(standing.why)}</p>",
        f"<p><strong>{escape(payload['guarantee'])}</strong></p>",
        f"<blockquote>{escape(payload['rationale'])}</blockquote>",
        _table(_facts(payload)),
    ]
    for name, caption in (("confirmed", "Rows held back from tuning"), ("tuned", "Rows tuned on (optimistic)")):
        if payload[name] is not None:
            parts += [f"<h4>{caption}</h4>", _table([*payload[name]["levels"], payload[name]["total"]])]
    parts += ["<h4>Single threshold for all levels</h4>", _describe_baseline(payload["baseline"])]
    compared = payload["comparison"]
    told = f"<p>{escape(payload['not_compared'] or '')}</p>" if compared is None else _table(_changes(compared))
    parts += ["<h4>Against the policy that was active</h4>", told]
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
        **{f"role: {role.replace('_', ' ')}": _words(columns) for role, columns in data["roles"].items() if columns},
        "method": payload["method"],
        **dict(_flat(payload["parameters"], "parameter: ")),
        "seed": payload["seed"],
        "made with": ", ".join(f"{name} {version}" for name, version in versions.items() if version),
        "approvals needed": payload["needs"],
        "because": payload["needs_why"],
    }
    return [{"what": what, "value": value} for what, value in facts.items()]


def _describe_baseline(baseline: dict[str, Any] | None) -> str:
    """What one threshold would do, tuned and tested as the policy was."""
    if baseline is None:
        return "<p>None meets the target.</p>"
    return _table([{"rows": half, **dict(_flat(counts))} for half, counts in baseline.items()])


def _flat(values: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """Nested values under names that say the way to them."""
    for name, value in values.items():
        shown = before + name.replace("_", " ")
        if isinstance(value, Mapping):
            yield from _flat(value, f"{shown} ")
        else:
            yield shown, _words(value)


def _words(value: object) -> object:
    return ", ".join(map(str, value)) if isinstance(value, list) else value


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
