"""What is true in a story, as plain data that JSON can hold."""

from typing import Any

from storyteller.storyworld.plot_files import Plot
from storyteller.storyworld.world import World


def facts_of(plot: Plot, world: World) -> dict[str, Any]:
    """The facts of a story that has been simulated.

    Keys: `plot`; `people` (role, name, kind, pronoun, trait); `things` (role, noun, mark, the state at the end, and
    `owners`, each with the number of the event that made them so); `places`; `events` in order (who, did, what, where,
    `because`, the number of the event that caused it or None, and the paragraph that tells it); `ending`, "happy" or
    "sad".
    """
    return {
        "plot": plot.name,
        "people": [
            {"role": p.role, "name": p.name, "kind": p.kind.name, "pronoun": p.pronoun, "trait": p.trait}
            for p in world.people.values()
        ],
        "things": [
            {
                "role": i.role,
                "noun": i.thing.noun,
                "mark": i.mark,
                "state": i.state,
                "owners": [{"who": owner, "event": number} for owner, number in i.owners],
            }
            for i in world.items.values()
        ],
        "places": [{"role": role, "name": place.name} for role, place in world.places.items()],
        "events": [
            {
                "who": e.who,
                "did": e.did,
                "what": e.what,
                "where": e.where,
                "because": e.because,
                "paragraph": e.paragraph,
            }
            for e in world.events
        ],
        "ending": world.ending,
    }
