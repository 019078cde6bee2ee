"""A web page on which a trained model tells stories: `storyteller serve`.

asking.py    what a browser asks for, read and bounded
turns.py     one story at a time, and a short queue
app.py       the three addresses: the page, its style, and POST /tell, which streams a story
page/        the page itself: plain HTML, CSS and JavaScript, with nothing from elsewhere
"""
