"""The products of the synthetic shop: invented brands, readable titles, and what fits what."""

from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
import pandas as pd

Draw: TypeAlias = "tuple[str, ...] | str"  # values to draw from, or the category whose models are drawn

MOUNTS: Final = {"Quoral": "QX", "Tessamo": "TS", "Wexlund": "WL", "Ombrano": "OB"}
_PHONES = ("Vindrel", "Fjellik", "Karvelo", "Sundrak", "Yorvane")
_LAPTOPS = ("Brennix", "Karvelo", "Plimsor", "Dorvast")
_MAKERS = ("Hulsk", "Orvelle", "Pandrix", "Mossgard", "Tindle", "Craglo", "Zubrin", "Lapwick")
_PHOTO = ("Prismo", "Glaswen", "Fokkard", "Irisund", "Stelvane")
_SOUND = ("Ondello", "Murvex", "Klangor", "Aurisk")
_COLOURS = ("black", "white", "blue", "red", "green", "sand", "grey", "clear", "violet")
_THREADS = ("49", "58", "67", "77")
_SIZES = ("13", "14", "15", "16")


@dataclass(frozen=True, slots=True)
class Line:
    """Products of one category: ``count`` of them with different titles.

    Attributes
    ----------
    category, prefix, count
        Name, beginning of the ids, number of products.
    title, model
        Patterns of the fields; a product with a model is what others fit.
    fields
        Field → values to draw from, or the name of the category whose models are drawn.
    price, spread
        Median price in shop currency, and the standard deviation of its logarithm.
    activity
        Expected number of products that a buyer of one of these is led to, before affinities.
    """

    category: str
    prefix: str
    count: int
    title: str
    fields: dict[str, Draw]
    price: float
    activity: float
    spread: float = 0.4
    model: str = ""


LINES: Final = (
    Line("Phones", "phone", 60, "{model} phone, {memory} GB",
         {"brand": _PHONES, "series": ("Arc", "Lume", "Note", "Edge", "Pico"), "number": tuple("34567"),
          "memory": ("64", "128", "256")}, 480, 40, model="{brand} {series} {number}"),
    Line("Phone cases", "case", 480, "{brand} {style} case for {model}, {colour}",
         {"brand": _MAKERS, "style": ("slim", "rugged", "wallet", "silicone", "leather"), "model": "Phones",
          "colour": _COLOURS}, 18, 11),
    Line("Screen guards", "guard", 220, "{brand} {style} screen guard for {model}",
         {"brand": _MAKERS, "style": ("tempered glass", "privacy", "matte", "film"), "model": "Phones"}, 12, 11),
    Line("Chargers", "charger", 110, "{brand} {watts} W {style} charger, {colour}",
         {"brand": _MAKERS, "watts": ("20", "30", "45", "65"), "style": ("wall", "car", "wireless", "travel"),
          "colour": _COLOURS[:3]}, 24, 14),
    Line("Cables", "cable", 100, "{brand} {style} cable, {metres} m, {colour}",
         {"brand": _MAKERS, "style": ("USB-C", "braided USB-C", "USB-A to USB-C"), "metres": ("0.5", "1", "2", "3"),
          "colour": _COLOURS[:3]}, 9, 9),
    Line("Power banks", "powerbank", 60, "{brand} power bank, {charge} mAh, {colour}",
         {"brand": _MAKERS, "charge": ("5000", "10000", "20000"), "colour": _COLOURS[:4]}, 32, 14),
    Line("Earphones", "ear", 100, "{brand} {style} earphones, {colour}",
         {"brand": _SOUND, "style": ("wireless", "in-ear", "sport", "noise-cancelling", "wired"),
          "colour": _COLOURS[:6]}, 60, 14),
    Line("Tablets", "tablet", 36, "{model} tablet, {memory} GB",
         {"brand": _PHONES, "series": ("Slate", "Leaf"), "number": tuple("2345"), "memory": ("64", "128")},
         360, 40, model="{brand} {series} {number}"),
    Line("Tablet covers", "cover", 120, "{brand} {style} cover for {model}, {colour}",
         {"brand": _MAKERS, "style": ("folio", "keyboard", "rugged"), "model": "Tablets", "colour": _COLOURS}, 28, 11),
    Line("Cameras", "camera", 60, "{model} camera, {mount} mount",
         {"brand": tuple(MOUNTS), "series": ("S", "R", "Z", "Pro "), "number": tuple("12345")},
         900, 40, model="{brand} {series}{number}"),
    Line("Lenses", "lens", 170, "{brand} {focal} mm {aperture} lens, {mount} mount, {thread} mm thread",
         {"brand": _PHOTO, "focal": ("14", "24", "35", "50", "85", "100", "24-70", "70-200"),
          "aperture": ("f/1.8", "f/2.8", "f/4"), "mount": tuple(MOUNTS.values()), "thread": _THREADS}, 420, 18),
    Line("Filters", "filter", 70, "{brand} {style} filter, {thread} mm",
         {"brand": _PHOTO, "style": ("UV", "polarising", "ND8", "ND64", "star"), "thread": _THREADS}, 30, 9),
    Line("Camera batteries", "battery", 110, "{brand} {style} battery for {model}",
         {"brand": _PHOTO, "style": ("spare", "high-capacity", "twin-pack"), "model": "Cameras"}, 35, 9),
    Line("Memory cards", "card", 60, "{brand} {size} GB memory card, {speed} MB/s",
         {"brand": ("Zubrin", "Tindle", "Datumo"), "size": ("32", "64", "128", "256", "512"),
          "speed": ("90", "170", "280", "300")}, 38, 9),
    Line("Tripods", "tripod", 60, "{brand} {style} tripod, {height} cm",
         {"brand": _PHOTO, "style": ("travel", "carbon", "desk", "video"), "height": ("25", "120", "145", "160")},
         110, 13),
    Line("Camera bags", "bag", 60, "{brand} camera {style}, {colour}",
         {"brand": _PHOTO, "style": ("backpack", "sling", "shoulder bag"), "colour": _COLOURS[:6]}, 75, 13),
    Line("Laptops", "laptop", 70, "{brand} {series} {number} laptop, {size} inch",
         {"brand": _LAPTOPS, "series": ("Ledger", "Swift", "Forge", "Air"), "number": tuple("123456"), "size": _SIZES},
         1100, 40),
    Line("Laptop sleeves", "sleeve", 110, "{brand} {style} sleeve for {size} inch laptops, {colour}",
         {"brand": _MAKERS, "style": ("felt", "neoprene", "leather"), "size": _SIZES, "colour": _COLOURS[:6]}, 27, 11),
    Line("Docks", "dock", 60, "{brand} {style} dock, {ports} ports",
         {"brand": (*_MAKERS, "Dorvast"), "style": ("USB-C", "travel", "desk"), "ports": ("5", "7", "9", "12")},
         95, 14),
    Line("Mice", "mouse", 70, "{brand} {style} mouse, {colour}",
         {"brand": (*_MAKERS, "Dorvast"), "style": ("wireless", "vertical", "gaming", "travel"),
          "colour": _COLOURS[:5]}, 29, 14),
    Line("Keyboards", "keyboard", 60, "{brand} {style} keyboard, {colour}",
         {"brand": (*_MAKERS, "Dorvast"), "style": ("mechanical", "compact", "split", "wireless"),
          "colour": _COLOURS[:5]}, 65, 14),
)  # fmt: skip

_DRAWN_PER_PRODUCT = 12


def make_catalogue(rng: np.random.Generator) -> pd.DataFrame:
    """Draw the products of all lines.

    Returns
    -------
    DataFrame
        One row per product: item, title, category, price, brand, activity; then what it fits by: model, mount, thread,
        size (text, empty where it does not matter).
    """
    models: dict[str, list[str]] = {}
    drawn = []
    for line in LINES:
        products = _draw_products(line, models, rng)
        models[line.category] = products["model"].tolist()
        drawn.append(products)
    return pd.concat(drawn, ignore_index=True)


def _draw_products(line: Line, models: dict[str, list[str]], rng: np.random.Generator) -> pd.DataFrame:
    """Products with different models, or different titles where they have none of their own; popular models first."""
    count = line.count * _DRAWN_PER_PRODUCT
    fields = {name: _draw_values(values, models, count, rng) for name, values in line.fields.items()}
    rows = pd.DataFrame(dict.fromkeys(("model", "mount", "thread", "size"), "") | fields)
    if line.category == "Cameras":
        rows["mount"] = rows["brand"].map(MOUNTS)
    if line.model:
        rows["model"] = [line.model.format_map(row) for row in rows.to_dict("records")]
    rows["title"] = [line.title.format_map(row) for row in rows.to_dict("records")]
    rows = rows.drop_duplicates("model" if line.model else "title").head(line.count).reset_index(drop=True)
    price = line.price * np.exp(line.spread * rng.standard_normal(len(rows)))
    return rows.assign(
        item=[f"{line.prefix}-{number:03d}" for number in range(1, len(rows) + 1)],
        category=line.category,
        price=np.round(price, 2),
        activity=line.activity,
    )[["item", "title", "category", "price", "brand", "activity", "model", "mount", "thread", "size"]]


def _draw_values(values: Draw, models: dict[str, list[str]], count: int, rng: np.random.Generator) -> list[str]:
    """Values, each alike likely; of models the earlier ones are likelier, down to a fifth."""
    choices = models[values] if isinstance(values, str) else list(values)
    chance = np.linspace(1.0, 0.2, len(choices)) if isinstance(values, str) else np.ones(len(choices))
    return [choices[place] for place in rng.choice(len(choices), size=count, p=chance / chance.sum())]
