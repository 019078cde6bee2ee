"""The judge: grades one notebook without trusting a line of it.

    from storyteller_grading.judge.judge import judge_notebook

    result = judge_notebook(path, lesson, secret=secret)

Trusted and untrusted code never share a process, and never share a file or a network:

    judge (this process)             server (torch imported once)          worker (a fork, in the sandbox)
    tests, secret, expected values   no secrets, no student's code         one exercise's cells of one student
    judge, remote_student,     <-->  server  -- fork -->  supervisor  -- fork -->  worker
    worker_client                    <---------- values, never objects ---------->

    judge              the whole of it, from a file to points
    notebooks          reads the submission as data, notes what had to be repaired, and reads what was handed out
    tolerant_json      reads a submission's JSON, damaged or not
    cell_matching      which of a notebook's cells answer what, and which of them an exercise needs
    cell_names         the names in a cell, found in a worker
    reached            what an answer's code reaches, for its instructor to look at
    hidden_seeds       whence the hidden inputs of a hand-in come
    remote_student     the student's functions, as the checks call them
    worker_client      starts one server, tries it out, asks it for workers, and lets go of them
    submission_clock   the time that all code of a submission may take
    channel            carries frames between judge and worker
    server             forks workers
    supervisor         puts each into the sandbox, outlives it and cleans up
    worker             answers requests
    cell_run           runs a cell there, and tells which statement begins
    sandbox            what a worker can see and do
    report             the result as JSON, as a page, as a table
    gradescope         the judge in a Gradescope container, and the result in Gradescope's form

Importing this package imports no torch: the sandbox is examined by `storyteller doctor` too.
"""
