"""Lesson 01: reads a story and finds what in it contradicts what was said before.

- `checker`: the contradictions of a text, sentence by sentence, and against the facts
- `people`, `things`: the rules, about characters, and about objects and places
- `sums`, `grammar`: the rules about numbers, and about what is a sentence at all
- `punctuation`: the rules about how it is written down: paragraphs, quotation marks, small letters
- `parser`: sentences, speech apart from narration, and whom each sentence mentions
"""
