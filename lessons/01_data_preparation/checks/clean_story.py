"""What `clean_story` must do, case by case."""

from storyteller.tokenizer import END_OF_TEXT
from storyteller_course import Exercise, equal
from storyteller_course.lesson_tools.data_preparation import CURLY, MOJIBAKE

from .texts import WORDS, sentence, story


def misread(text):
    """UTF-8 bytes read as Windows-1252, as a careless program does it."""
    return text.encode("utf-8").decode("cp1252", errors="ignore")


clean_story = Exercise(
    "clean_story",
    in_library="storyteller.corpus.clean.clean_text",
    points=9,
    stars=2,
    scaffold="goal",
    hints=(
        "Six steps, each one or two lines, each taking the text and giving a better one. Which of them need a "
        "table, and which a pattern?",
        "Steps 2 and 3 are loops with `str.replace`. Step 4 is `TAG.sub(...)`. For step 5 cut the text at its line "
        'breaks; what does `" ".join(line.split())` make of a line?',
        "Step 2 goes through `sorted(MOJIBAKE, key=len, reverse=True)`. For step 6 look at every match of "
        "`SENTENCE_END.finditer(text)`: a match has an `end()`, and you need the last one.",
    ),
    forbidden=("ftfy.fix_text", "storyteller.corpus.clean.clean_text", "storyteller.corpus.clean.trim_cut"),
)


@clean_story.case("takes every kind of line end", points=1)
def line_ends(student, draw):
    wanted = story(draw)
    equal(student.clean_story(wanted.replace("\n", "\r\n")), wanted, "the story from Windows")
    equal(student.clean_story(wanted.replace("\n", "\r")), wanted, "the story from an old Mac")


@clean_story.case("mends characters that were read in the wrong encoding", points=2)
def mojibake(student, draw):
    name = draw.choice(["José", "Renée", "Begoña"])
    right = f"{name} didn’t run — not yet… {sentence(draw)} “Now,” said {draw.choice(WORDS)}."
    wanted = right.replace("“", '"').replace("”", '"').replace("’", "'")
    equal(student.clean_story(misread(right)), wanted, "the mended story")
    for broken, character in draw.sample(sorted(MOJIBAKE.items()), len(MOJIBAKE)):
        mended, word = CURLY.get(character, character), draw.choice(WORDS)
        got = student.clean_story(f"{broken} The {word} and the {broken}. {broken}.")
        equal(
            got, f"{mended} The {word} and the {mended}. {mended}.", f"the story with {broken}, which was {character},"
        )
    equal(student.clean_story(f"{wanted} “No”, said {name}."), f'{wanted} "No", said {name}.', "what was never broken")


@clean_story.case("makes curly quotes straight", points=1)
def quotes(student, draw):
    who, said = draw.choice(WORDS), sentence(draw)
    equal(student.clean_story(f"It isn’t {who}’s."), f"It isn't {who}'s.", "the apostrophes")
    equal(student.clean_story(f"“{said}” said ‘{who}’."), f"\"{said}\" said '{who}'.", "the quotes")


@clean_story.case("takes tags out and leaves the words beside them apart", points=1)
def tags(student, draw):
    first, second = sentence(draw), sentence(draw)
    equal(student.clean_story(f"[WP] {first}<br>{second}"), f"{first} {second}", "the story with a label and <br>")
    equal(
        student.clean_story(f"{first} <i>{second}</i>{END_OF_TEXT}"), f"{first} {second}", "the story with an end mark"
    )
    marked = f"<|startoftext|>{first}<br/>{second}<p class='end'>{first}</p> <|pad|>"
    equal(
        student.clean_story(marked), f"{first} {second} {first}", "the story with marks, <br/> and a paragraph's tags"
    )
    kept = f"She drew a <3 and a [heart] for 2 > 1. {first}"
    equal(student.clean_story(f"[ EU ] {kept}"), kept, "what only looks like a tag")


@clean_story.case("lays out paragraphs and spaces", points=1)
def layout(student, draw):
    wanted = story(draw)
    messy = "  " + wanted.replace(" ", draw.choice([" ", "  "]), 3).replace("\n\n", " \n \n\n\t") + " \n"
    equal(student.clean_story(messy), wanted, "the story")
    equal(student.clean_story(wanted.replace("\n\n", "\n")), wanted, "the story with single line breaks")


@clean_story.case("cuts back to the last whole sentence", points=2)
def cut_end(student, draw):
    wanted = story(draw) + f' Then {draw.choice(WORDS)} called, "Stop!"'
    equal(student.clean_story(wanted + " And the lantern cost 1.5 coi"), wanted, "the story that was cut off")
    equal(student.clean_story(wanted), wanted, "the story that was not cut off")
    for end in (" (She had seen it!)", " Was it an owl?", " 'Go,' he said. ('Now.')"):
        equal(student.clean_story(wanted + end + " A little, "), wanted + end, f"the story that ends with {end[1:]!r}")
    equal(student.clean_story("Once upon a time  there was a " + draw.choice(WORDS)), "", "a text without a sentence")


@clean_story.case("does it all at once, and leaves a clean story alone", points=1)
def together(student, draw):
    wanted = story(draw) + '\n\n"It isn\'t far," said Zoé.'
    raw = (
        "[ WP ]" + misread(wanted.replace("'", "’").replace('"It', "“It")).replace("\n\n", " \r\n\r\n") + " <b>She wen"
    )
    equal(student.clean_story(raw), wanted, "the story")
    equal(student.clean_story(wanted), wanted, "the clean story")
