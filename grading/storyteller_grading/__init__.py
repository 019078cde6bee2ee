"""What makes the lessons' notebooks, hands them out and grades them.

    storyteller-grade build 01         # the student notebook and the solved, executed one
    storyteller-grade judge work/01_data_preparation.ipynb

    builder    from a lesson's sources to its two notebooks
    release    what a class gets of a lesson, without the answers
    judge      grades one notebook without trusting it
    classroom  a class: collects, grades side by side, reports, exports
    commands   the commands of `storyteller-grade`, one file a stage of the work

Students need none of this: the library `storyteller` never imports it.
"""
