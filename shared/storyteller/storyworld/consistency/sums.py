"""Rules about numbers: what costs five coins is paid with five, and two and two make four."""

from collections.abc import Iterator

from storyteller.storyworld.consistency.parser import Sentence, has_any

NUMBERS = {
    "no": 0,
    "one": 1,
    "two": 2,
    "three": 3,
    "four": 4,
    "five": 5,
    "six": 6,
    "seven": 7,
    "eight": 8,
    "nine": 9,
    "ten": 10,
    "eleven": 11,
    "twelve": 12,
    "fifteen": 15,
    "twenty": 20,
}
COINS = ("coins", "coin", "pennies", "pence")


class Sums:
    """A price is paid in full, and sums are right."""

    def __init__(self) -> None:
        self.price: int | None = None

    def __call__(self, sentence: Sentence) -> Iterator[tuple[str, str]]:
        """Follow the price, and look at what is paid."""
        for words in (sentence.speech_lower, sentence.lower):
            for at, word in enumerate(words[:-1]):
                if word not in NUMBERS or words[at + 1] not in COINS:
                    continue
                number, before = NUMBERS[word], words[max(0, at - 6) : at]
                if has_any("pays", before):
                    if self.price is not None and number != self.price:
                        yield "sum", f"It costs {self.price} coins and is paid with {number}."
                elif has_any("costs", before[-3:]):
                    if self.price is not None and number != self.price:
                        yield "sum", f"It cost {self.price} coins before and costs {number} here."
                    self.price = number
            for at in range(len(words) - 4):
                first, joint, second, makes, result = words[at : at + 5]
                known = {first, second, result} <= NUMBERS.keys()
                if known and joint == "and" and makes in ("make", "makes", "made", "is", "are"):
                    total = NUMBERS[first] + NUMBERS[second]
                    if total != NUMBERS[result]:
                        yield "sum", f"{first} and {second} make {total}, not {result}."
