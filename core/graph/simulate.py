"""A shop whose true directions are known, and the generator of the sample files.

``python -m core.graph.simulate [folder]`` rebuilds ``graph_edges.csv`` and ``graph_items.csv``.
"""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final, Literal

import numpy as np
import pandas as pd

from core.arrays import FloatArray, IntArray
from core.graph.catalogue import make_catalogue

SEED: Final = 20_230_227
COLD_SHARE: Final = 0.02  # of the products, which nobody has bought yet
NOISE_EDGES: Final = 200
DAYS: Final = 180
START: Final = "2026-01-01"
POPULARITY_EXPONENT: Final = 1.0
ACTIVITY_EXPONENT: Final = 0.35


@dataclass(frozen=True, slots=True)
class Bond:
    """How strongly buyers of one category go on to another, and back.

    Attributes
    ----------
    first, second
        Categories.
    forward, back
        Affinity first → second and second → first, between 0 and 1; one number where both are the same category.
    fits_by
        What must be equal for one to fit the other, if anything.
    """

    first: str
    second: str
    forward: float
    back: float
    fits_by: Literal["", "model", "mount", "thread", "size"] = ""


BONDS: Final = (
    Bond("Phones", "Phone cases", 0.90, 0.02, "model"),
    Bond("Phones", "Screen guards", 0.80, 0.02, "model"),
    Bond("Phones", "Chargers", 0.45, 0.03),
    Bond("Phones", "Earphones", 0.40, 0.03),
    Bond("Phones", "Power banks", 0.30, 0.04),
    Bond("Phone cases", "Screen guards", 0.45, 0.30, "model"),
    Bond("Phone cases", "Phone cases", 0.25, 0.25, "model"),
    Bond("Chargers", "Cables", 0.50, 0.15),
    Bond("Power banks", "Cables", 0.40, 0.08),
    Bond("Earphones", "Earphones", 0.20, 0.20),
    Bond("Tablets", "Tablet covers", 0.85, 0.02, "model"),
    Bond("Tablets", "Chargers", 0.25, 0.02),
    Bond("Tablets", "Earphones", 0.20, 0.02),
    Bond("Cameras", "Lenses", 0.70, 0.45, "mount"),
    Bond("Cameras", "Memory cards", 0.80, 0.04),
    Bond("Cameras", "Camera batteries", 0.60, 0.03, "model"),
    Bond("Cameras", "Camera bags", 0.55, 0.05),
    Bond("Cameras", "Tripods", 0.45, 0.06),
    Bond("Lenses", "Filters", 0.60, 0.04, "thread"),
    Bond("Lenses", "Lenses", 0.35, 0.35, "mount"),
    Bond("Lenses", "Camera bags", 0.20, 0.03),
    Bond("Tripods", "Camera bags", 0.15, 0.10),
    Bond("Laptops", "Laptop sleeves", 0.75, 0.02, "size"),
    Bond("Laptops", "Mice", 0.60, 0.04),
    Bond("Laptops", "Docks", 0.50, 0.03),
    Bond("Laptops", "Keyboards", 0.30, 0.05),
    Bond("Mice", "Keyboards", 0.35, 0.35),
    Bond("Docks", "Keyboards", 0.25, 0.08),
    Bond("Docks", "Cables", 0.30, 0.05),
)

# (category of the source, category of the target) → affinity; 0 for every pair that is not named.
CATEGORY_DIRECTION: Final[Mapping[tuple[str, str], float]] = MappingProxyType(
    {(bond.first, bond.second): bond.forward for bond in BONDS}
    | {(bond.second, bond.first): bond.back for bond in BONDS}
)


@dataclass(frozen=True, slots=True, eq=False)
class Shop:
    """What :func:`simulate_shop` draws.

    Attributes
    ----------
    items
        One row per product: item, title, category, price, brand.
    edges
        One row per edge, sorted: source, target (items), weight (customers), time (day).
    """

    items: pd.DataFrame
    edges: pd.DataFrame


def simulate_shop(rng: np.random.Generator) -> Shop:
    """Draw a shop of about 2,000 products.

    Definition
    ----------
    u → v is an edge with probability 1 − exp(−λ_uv),

        λ_uv = a_u · affinity(c_u, c_v) · fits(u, v) · p_v / Σ_w∈c_v fits(u, w) · p_w,

    with popularity p = rank⁻¹ in a random order within each category, activity a_u of mean ``Line.activity`` and
    proportional to p_u^0.35, and c the category. Its weight is 1 + Poisson(λ_uv). To this come 200 edges between
    products drawn at random. One product in fifty is new: no edge leads from it or to it.

    Parameters
    ----------
    rng
        Source of randomness.

    Examples
    --------
    >>> shop = simulate_shop(np.random.default_rng(0))
    >>> list(shop.edges.columns), list(shop.items.columns)
    (['source', 'target', 'weight', 'time'], ['item', 'title', 'category', 'price', 'brand'])
    """
    catalogue = make_catalogue(rng)
    known = rng.random(len(catalogue)) >= COLD_SHARE
    popularity = _draw_popularity(catalogue["category"], rng) * known
    pull = pd.Series(popularity**ACTIVITY_EXPONENT)
    activity = catalogue["activity"] * pull / pull.groupby(catalogue["category"]).transform("mean")
    drawn = [_draw_edges(catalogue, bond, activity.to_numpy(), popularity, rng) for bond in _both_ways()]
    drawn.append(_draw_noise(np.flatnonzero(known), rng))
    edges = pd.concat(drawn).drop_duplicates(["source", "target"])
    edges = edges.assign(
        source=catalogue["item"].to_numpy()[edges["source"]], target=catalogue["item"].to_numpy()[edges["target"]]
    ).sort_values(["source", "target"], ignore_index=True)
    day = pd.Timestamp(START) + pd.to_timedelta(rng.integers(0, DAYS, len(edges)), unit="D")
    return Shop(
        items=catalogue[["item", "title", "category", "price", "brand"]],
        edges=edges.assign(time=day.strftime("%Y-%m-%d")),
    )


def _both_ways() -> list[Bond]:
    back = [Bond(bond.second, bond.first, bond.back, bond.forward, bond.fits_by) for bond in BONDS]
    return [*BONDS, *(bond for bond in back if bond.first != bond.second)]


def _draw_popularity(category: "pd.Series[str]", rng: np.random.Generator) -> FloatArray:
    rank = pd.Series(rng.random(len(category))).groupby(category).rank().to_numpy()
    return np.asarray(rank**-POPULARITY_EXPONENT, dtype=np.float64)


def _draw_edges(
    catalogue: pd.DataFrame, bond: Bond, activity: FloatArray, popularity: FloatArray, rng: np.random.Generator
) -> pd.DataFrame:
    """Edges first → second of a bond; source and target are places in the catalogue."""
    category = catalogue["category"].to_numpy()
    sources, targets = np.flatnonzero(category == bond.first), np.flatnonzero(category == bond.second)
    share = np.where(sources[:, None] != targets, popularity[targets], 0.0)
    if bond.fits_by:
        fits = catalogue[bond.fits_by].to_numpy()
        share = np.where(fits[sources][:, None] == fits[targets], share, 0.0)
    total = share.sum(axis=1, keepdims=True)
    share = np.divide(share, total, out=np.zeros_like(share), where=total > 0)
    rate = activity[sources][:, None] * bond.forward * share
    first, second = np.nonzero(rng.random(rate.shape) < -np.expm1(-rate))
    weight = 1 + rng.poisson(rate[first, second])
    return pd.DataFrame({"source": sources[first], "target": targets[second], "weight": weight})


def _draw_noise(known: IntArray, rng: np.random.Generator) -> pd.DataFrame:
    source, target = rng.choice(known, NOISE_EDGES), rng.choice(known, NOISE_EDGES)
    proper = source != target
    return pd.DataFrame({"source": source[proper], "target": target[proper], "weight": 1})


def write_samples(folder: Path) -> tuple[Path, Path]:
    """Write ``graph_edges.csv`` and ``graph_items.csv`` into a folder, byte for byte the same every time."""
    shop = simulate_shop(np.random.default_rng(SEED))
    paths = (folder / "graph_edges.csv", folder / "graph_items.csv")
    for path, frame in zip(paths, (shop.edges, shop.items), strict=True):
        frame.to_csv(path, index=False, lineterminator="\n", float_format="%.2f")
    return paths


def _main(arguments: Sequence[str]) -> int:
    folder = Path(arguments[0]) if arguments else Path(__file__).resolve().parents[2] / "sample_data"
    folder.mkdir(parents=True, exist_ok=True)
    for path in write_samples(folder):
        sys.stdout.write(f"{path} {path.stat().st_size:,} bytes\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(_main(sys.argv[1:]))
