"""Written answers graded question by question: a web page of this machine with all answers to a question.

    questions   what a lesson asks in words: the question, the model answer with its rubric, the points
    answers     what the class wrote and what a person gave for it, read from and saved into nbgrader's gradebook
    rendering   the page
    app         the web application around it; `page/` has its style and its script

The points are nbgrader's manual scores, so formgrader shows them and takes others; feedback and exports have them.
"""
