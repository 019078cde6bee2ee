"""The class: a course's folder, its submissions graded side by side, its gradebook and its pages.

The way of a submission, from what an LMS hands on to the page that its student reads:

    submissions.zip                       LMS, folder or nbgrader's exchange
      | intake     collect: whose is it?
    submitted/ada/01/01.ipynb             text of a stranger's; nobody runs it here
      | autograde  a Task for each, to judges in processes of their own, each with its sandbox
    TaskOutcome                           points, page, answers: plain data
      | autograde  in this order, so that a kill at any moment leaves it whole
    records.db -> autograded/ -> gradebook.db
      | written    with what a person gives for written answers, here or in formgrader
      | reports
    feedback/ada/01/01.html, report.html, similar/01.html
      | lms        the same gradebook
    grades-canvas.csv

    course      the folder, as nbgrader lays it out; makes a new one, and lets one process at a time write into it
    roster      its students, from a csv as spreadsheets save it
    lateness    what lateness costs and who has more time; `extensions` enters it, `late_penalty` is a rule for nbgrader
    regrade_requests    the text that a student quotes, whose case it means, and the log of what came of it
    intake      collects submissions and finds out whose each is
    lms         one file a learning management system: its zips, its csv; `lms/remote` asks its web service
    autograde   a lesson of a class, from what was handed in to the gradebook
    written     written answers graded question by question
    reports     feedback pages, the report of the class, what is similar
    rehearsal   a made-up class with known grades

Only outcomes cross from a judge to the class; what came from a student is data all the way.
"""
