"""What makes the lessons' notebooks and grades them: the builder, the drift check, the judge.

    storyteller-grade build 01         # the student notebook and the solved, executed one
    storyteller-grade judge work/01_data_preparation.ipynb

Students need none of this: the library `storyteller` never imports it.
"""
