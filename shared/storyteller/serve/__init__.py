"""Lesson 05: a web page on which a trained model tells stories: `storyteller serve`.

request.py   the settings of a request: the fields of the page's form, and the JSON, read and bounded
app.py       the addresses: the page, its style, and POST /tell, which streams a story; one at a time, and a short queue
page/        the page itself: plain HTML, CSS and JavaScript, with nothing from elsewhere
"""
