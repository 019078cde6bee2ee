"""What several exercises share: the other ranks, which the check plays."""

import torch

from storyteller_course import true

MOST_MESSAGES = 60  # of a rank


class NotYet(Exception):
    """The answer that a rank asks for is not known before the others have spoken: its call ends here."""


class Ranks:
    """Ranks that run the student's code side by side, though one call is made after the other.

    Each rank is called with the answers to the messages that all ranks are known to send, and stopped at its next one.
    Once all have come so far, that message has its answers too, and they are called anew. It ends when all return.
    """

    def __init__(self, count):
        self.count = count
        self.known = []  # of each message that all ranks have sent, the answers, one a rank
        self.sent = []  # of each rank, of the round at hand: (kind, message)

    def run(self, call):
        """What `call(rank, meet)` gives for each rank; in a call, `meet(kind, message)` is a meeting of all ranks."""
        while True:
            self.sent, results, place = [[] for _ in range(self.count)], [], len(self.known)
            for rank in range(self.count):
                try:
                    results.append(call(rank, self.meeting_of(rank)))
                except NotYet:
                    results.append(NotYet)
            waiting = [rank for rank in range(self.count) if results[rank] is NotYet]
            if not waiting:
                return results
            gone = [rank for rank in range(self.count) if rank not in waiting]
            true(
                not gone,
                f"Of {self.count} ranks, rank {gone[0] if gone else 0} is done after meeting the others {place} times, "
                f"and rank {waiting[0]} waits for it in the next meeting, for ever.",
            )
            kinds = sorted({one[place][0] for one in self.sent})
            true(
                len(kinds) == 1,
                f"In meeting {place + 1}, some ranks call {kinds[0]} and others {kinds[-1]}: both wait for ever.",
            )
            true(place < MOST_MESSAGES, f"After {MOST_MESSAGES} messages of each rank there is no end to be seen.")
            self.known.append(answers_to(kinds[0], [one[place][1] for one in self.sent]))

    def meeting_of(self, rank):
        """The `meet` of one rank."""

        def meet(kind, message):
            place = len(self.sent[rank])
            self.sent[rank].append((kind, message))
            if place >= len(self.known):
                raise NotYet
            return self.known[place][rank]

        return meet


def answers_to(kind, messages):
    """What the ranks are told when all of them have said something, one answer a rank."""
    count = len(messages)
    if kind == "all_to_all":
        right = all(isinstance(one, list | tuple) and len(one) == count for one in messages)
        true(right, f"all_to_all takes a list of {count} tensors, one for each rank.")
        return [[messages[source][rank] for source in range(count)] for rank in range(count)]
    if kind == "step":
        return messages
    right = all(torch.is_tensor(one) and one.shape == messages[0].shape for one in messages)
    true(right, f"The ranks call {kind} with something else than tensors of one shape.")
    total = sum(messages[1:], start=messages[0])
    return [total] * count
