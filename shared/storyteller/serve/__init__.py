"""Lesson 05: a server that tells a trained model's stories: `storyteller serve`.

app.py             the addresses: the page (`storyteller.export.html`), POST /tell, and those of completions.py
completions.py     POST /v1/completions and GET /v1/models, as OpenAI's API has them
stop_strings.py    where a completion ends because of what it says
request.py         the JSON of the page's form, read and bounded
story_service.py   one story at a time, and a short queue
"""
