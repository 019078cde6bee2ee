"""The judge: grades one notebook without trusting a line of it.

    from storyteller_grading.judge.judge import judge_notebook

    result = judge_notebook(path, lesson, secret=secret)

Trusted and untrusted code never share a process, and never share a file or a network:

    judge (this process)             server (torch imported once)          worker (a fork, in the sandbox)
    tests, secret, expected values   no secrets, no student's code         one exercise's cells of one student
    judge, remote_student,     <-->  server  -- fork -->  supervisor  -- fork -->  worker
    worker_client                    <---------- values, never objects ---------->

    judge              the whole of it, from a file to points
    submission         reads the notebook as data, and notes what had to be repaired; `tolerant_json` reads its JSON
    released_notebook  the notebook that was handed out, to compare with
    cell_matching      which of a notebook's cells answer what, and which of them an exercise needs
    cell_names         the names in a cell, found in a worker
    hidden_seeds       whence the hidden inputs come
    remote_student     the student's functions, as the checks call them
    worker_pool        keeps one server, and tries it out before anybody is graded
    worker_client      starts the server and workers, and lets go of them; `channel` carries frames
    server             forks workers; `supervisor` outlives each and cleans up
    worker             runs cells and answers requests; `standalone_worker` where there is no fork
    sandbox            what a worker can see and do
    report             the result as JSON, as a page, as a table

Importing this package imports no torch: the sandbox is examined by `storyteller doctor` too.
"""
