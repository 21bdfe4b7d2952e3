"""What a learned engine reports after each pass over the edges."""

from dataclasses import dataclass

from core.jobs import Progress


@dataclass(frozen=True, slots=True)
class Epoch(Progress):
    """How far a training is.

    Attributes
    ----------
    network
        Name of the engine that is trained; an ensemble trains several.
    epoch
        Number of the pass, from 1.
    loss
        Mean loss of the epoch.
    hit_rate
        HitRate@10 on validation edges; NaN where it was not measured.
    """

    network: str
    epoch: int
    loss: float
    hit_rate: float
