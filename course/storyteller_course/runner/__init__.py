"""Calls a student's code through values alone, in this process or in a worker's: one remote call, whoever asks.

`check("count_pairs")` in the notebook; the arrows are calls, and what they carry is plain data:

    check               notebook/check.py       finds the lesson; the course's functions stand in for what is unsolved
     |
     v  exercise, transport
    grade               grading/grade.py        every case, with every seed
     |
     v  student, draw
    case                the lesson's checks     student.count_pairs(words), and what must come of it
     |
     v  "count_pairs", (words,)
    StudentProxy        student_proxy.py        a Request, with the time left, a seed and the forbidden names
     |
     v  bytes           protocol.py             write_request, in the one form that serialization/ gives to values
    Transport
     |
     |   in the notebook: InProcessStudent      in_process.py, a Server in this process
     |   in the judge: RemoteStudent            over a socket to a worker in the sandbox, which has a Server
     v  bytes
    Server.exchange     server.py               read_request; finds the function in the student's namespace
     |     with Isolation                       call_contexts.py: output captured, random generators seeded
     |     with ForbiddenCalls                  call_contexts.py: was the ready-made answer called?
     |     with TimeLimit                       time_limit.py: TimeIsUp inside the student's function
     v  words
    count_pairs         the student's own code  (gradients.py calls it where gradients are asked for)
     |
     v  counts, or an exception, which student_errors.py puts into a sentence
    Server.exchange     server.py               an Outcome: value or error, prints, warnings, changed arguments
     |
     v  bytes           protocol.py             write_outcome; read_outcome believes nothing that it reads
    StudentProxy        student_proxy.py        returns the value to the case, or raises StudentError
     |
     v  counts
    case                the lesson's checks     equal(...) returns, or raises Mismatch
     |
     v  CaseRun         grading/grade.py        which also looks for the known mistake behind a failure
    check               notebook/check.py       report/card.py shows the ExerciseResult

The judge calls `grade` itself, with hidden seeds; from there on the way is the same. A function among the arguments
stays on the check's side: the student's code gets a stand-in for it, whose calls travel back through `call_back`.
"""
