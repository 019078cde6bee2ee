"""Lesson 05: a page that tells stories, in any browser: the face of `storyteller serve`, and one file for a friend.

The page is plain HTML, CSS and JavaScript in `page/`, and has two back ends. In the file that `storyteller export
--format html` writes, the model is in the page and JavaScript computes it; behind `storyteller serve`, the server does.

one_file.py   the exported file: everything in one, and what its JavaScript cannot compute
int8.py       the weights in 8 bits, row by row
about.py      what the page says of a model, and the openings that it offers
rendering.py  the page's template filled in, the fields of its form
page/         page.html and page.css; view.js, token_card.js and picture.js, which both back ends have;
              server_teller.js; local_teller.js with tokenizer.js, model.js and sampling.js
"""
