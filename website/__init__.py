"""The course's website: lessons from the executed solutions, guides, the library's reference, figures to play with.

    make site                   build/site/html/index.html
    make slides LESSON=01       build/slides/01_data_preparation/html/index.html

sources.py       which page is made from which file of the repository
links.py         links between files of the repository become links between pages
lessons.py       a solved notebook becomes a page: answers folded, a figure that can be played with
slides.py        a solved notebook becomes slides
reference.py     the pages of the reference, one for each package
conf.py          Sphinx's configuration; mathml.py and docstrings.py are its extensions
run_sphinx.py    builds the pages; a warning is an error, and so is a link that leads nowhere
check_links.py   every link of the built pages leads somewhere, and nothing is fetched from elsewhere
pages/           the front page, written by hand
static/          style, and static/play/ the JavaScript of the figures that can be played with
play/            where in its lesson a figure stands, and what is said above it

Nothing is executed: outputs come from the notebooks in `solutions/`.
"""
