"""A story: what the database holds before, Stripe's events in the order of delivery, and what must be there in the end."""

import dataclasses
import json
import pathlib

FOLDER = pathlib.Path(__file__).parent / "stories"


def events(text):
    """The events of a file, one after another, each over as many lines as it likes."""
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
    # A part of a reason in unfulfilled_payments: a control hides these rows from the check of the money, which must then complain.
    hides: str = ""
    # Whether its amounts agree. Those of a story that chance drew may not: then more may be told than arrived, but no less.
    adds_up: bool = True

    def distinct(self):
        """Each event once, in the order of its first delivery."""
        return list({event["id"]: event for event in self.events}.values())


def from_files():
    """The stories kept as files; their expected ends are in expected.py."""
    from expected import EXPECTED

    for path in sorted([*FOLDER.glob("*.json"), *FOLDER.glob("*.jsonl")]):
        setup = path.with_suffix("").with_suffix(".setup.sql")
        yield Story(
            name=path.stem,
            events=list(events(path.read_text())),
            setup=setup.read_text() if setup.exists() else "",
            expected=EXPECTED.get(path.stem, {}),
        )
