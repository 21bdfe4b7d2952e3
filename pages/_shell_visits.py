"""Where each browser was last, so that who signs in comes back there; and which sign-ins were ended."""

import time
from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock

PLACE_SECONDS = 15 * 60
PLACE_LENGTH = 2_000  # characters of its parameters
PLACES = 10_000
COOKIE_SECONDS = 31 * 24 * 3600  # what Streamlit lets a sign-in last

SignIn = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a browser was, when, and by which sign-in; None before it signed in."""

    word: str
    parameters: dict[str, str]
    sign_in: SignIn | None
    at: float

    def leads_to(self, here: "Place") -> bool:
        """Whether ``here``, right after a sign-in, is to be left for this place: nobody else was there, and lately."""
        if here.sign_in is None or self.sign_in == here.sign_in or here.at - self.at > PLACE_SECONDS:
            return False
        same_person = self.sign_in is None or self.sign_in[:2] == here.sign_in[:2]
        return same_person and (self.word, self.parameters) != (here.word, here.parameters)


class Visits:
    """Where each browser was last, and which sign-ins were ended."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._places: OrderedDict[bytes, Place] = OrderedDict()
        self._ended: dict[SignIn, float] = {}

    def move(self, browser: bytes, here: Place) -> Place | None:
        """Note where a browser is, and tell where it was; the table forgets who moved longest ago."""
        with self._lock:
            before = self._places.pop(browser, None)
            if sum(map(len, (*here.parameters, *here.parameters.values()))) <= PLACE_LENGTH:
                self._places[browser] = here
            if len(self._places) > PLACES:
                self._places.popitem(last=False)
        return before

    def end(self, sign_in: SignIn) -> None:
        """End a sign-in for good: its cookie is worth nothing any more, in no tab and in nobody's hands."""
        with self._lock:
            now = time.time()
            self._ended = {one: at for one, at in self._ended.items() if now - at < COOKIE_SECONDS} | {sign_in: now}

    def has_ended(self, sign_in: SignIn) -> bool:
        """Whether a sign-in was ended."""
        return sign_in in self._ended
