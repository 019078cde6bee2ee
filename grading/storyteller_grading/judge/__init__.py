"""The judge: grades one notebook without trusting a line of it.

    from storyteller_grading.judge.judge import judge_notebook

    result = judge_notebook(path, lesson, secret=secret)

Trusted and untrusted code never share a process, and never share a file or a network:

    judge (this process)             server (torch imported once)          worker (a fork, in the sandbox)
    tests, secret, expected values   no secrets, no student's code         one exercise's cells of one student
    judging, remote, client    <-->  server  -- fork -->  keeper  -- fork -->  worker
                               <---------------- values, never objects ------------>

    submission    reads the notebook as data, and notes what had to be repaired
    matching      which of its cells answer what; `analysis` finds the names in a cell, in a worker
    written       which cells hold the written answers, which people grade
    seeds         whence the hidden inputs come
    plan          which cells an exercise needs
    client        starts the server and workers; `channel` carries frames
    starting      keeps one server, and tries it out before anybody is graded
    server        forks workers; `keeper` outlives each and cleans up
    worker        runs cells and answers requests
    sandbox       what a worker can see and do
    remote        the student's functions, as the checks call them
    judging       the whole of it; `report` writes it down; `command` is `storyteller-grade judge`

Importing this package imports no torch: the sandbox is examined by `storyteller doctor` too.
"""
