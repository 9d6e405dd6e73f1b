"""A story: SQL that prepares the database, Stripe's events in the order of delivery, and the rows that it must end in."""

import dataclasses
import json
import pathlib

FOLDER = pathlib.Path(__file__).parent / "stories"


def events(text):
    """The events of a file, one after another, each on any number of lines."""
    decoder = json.JSONDecoder()
    while text := text.lstrip():
        event, end = decoder.raw_decode(text)
        yield event
        text = text[end:]


@dataclasses.dataclass
class Story:
    name: str
    events: list
    setup: str = ""
    expected: dict = dataclasses.field(default_factory=dict)
    # A part of a reason in unfulfilled_payments. A control hides these rows from the check of the money, which must notice it.
    hides: str = ""
    # Whether its amounts agree. Those of a random story may not: then more may be accounted for than arrived, not less.
    adds_up: bool = True

    def distinct(self):
        """Each event once, in the order of its first delivery."""
        return list({event["id"]: event for event in self.events}.values())


def from_files():
    """The stories in files. Their ends are in expected.py."""
    from expected import EXPECTED

    for path in sorted([*FOLDER.glob("*.json"), *FOLDER.glob("*.jsonl")]):
        setup = path.with_suffix("").with_suffix(".setup.sql")
        yield Story(
            name=path.stem,
            events=list(events(path.read_text())),
            setup=setup.read_text() if setup.exists() else "",
            expected=EXPECTED.get(path.stem, {}),
        )
